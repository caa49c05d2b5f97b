#include "bench/compare/significance.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace mint::bench {
namespace {

// Beyond so many measurements in all, the sum of ranks is taken to be normally distributed.
constexpr std::size_t kExact = 40;

struct Ranks {
  std::vector<unsigned> doubled;  // of all values, sorted; doubled, so that shared ones are whole
  unsigned sum_of_b = 0;
  double ties = 0;  // sum of t^3 - t over groups of equal values
};

Ranks rank(const std::vector<double>& a, const std::vector<double>& b) {
  struct Value {
    double value;
    bool of_b;
  };
  std::vector<Value> all;
  all.reserve(a.size() + b.size());
  for (const double value : a) all.push_back({value, false});
  for (const double value : b) all.push_back({value, true});
  std::sort(all.begin(), all.end(),
            [](const Value& x, const Value& y) { return x.value < y.value; });
  Ranks ranks;
  for (std::size_t first = 0; first < all.size();) {
    std::size_t end = first;
    while (end < all.size() && all[end].value == all[first].value) ++end;
    const auto doubled = static_cast<unsigned>(first + 1 + end);
    const auto count = static_cast<double>(end - first);
    ranks.ties += count * count * count - count;
    for (; first < end; ++first) {
      ranks.doubled.push_back(doubled);
      if (all[first].of_b) ranks.sum_of_b += doubled;
    }
  }
  return ranks;
}

// Of all ways to choose b of the ranks, the share whose sum is at least as large.
double exact(const Ranks& ranks, std::size_t b) {
  unsigned total = 0;
  for (const unsigned rank : ranks.doubled) total += rank;
  std::vector<std::vector<double>> ways(b + 1, std::vector<double>(total + 1));
  ways[0][0] = 1;
  for (const unsigned rank : ranks.doubled)
    for (std::size_t chosen = b; chosen > 0; --chosen)
      for (unsigned sum = total; sum >= rank; --sum)
        ways[chosen][sum] += ways[chosen - 1][sum - rank];
  double all = 0;
  double larger = 0;
  for (unsigned sum = 0; sum <= total; ++sum) {
    all += ways[b][sum];
    if (sum >= ranks.sum_of_b) larger += ways[b][sum];
  }
  return larger / all;
}

double normal(const Ranks& ranks, double a, double b) {
  const double n = a + b;
  const double u = ranks.sum_of_b / 2.0 - b * (b + 1) / 2;
  const double variance = a * b / 12 * (n + 1 - ranks.ties / (n * (n - 1)));
  if (variance <= 0) return 1;
  return std::erfc((u - a * b / 2 - 0.5) / std::sqrt(2 * variance)) / 2;
}

}  // namespace

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double probability_of_larger(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.empty() || b.empty()) return 1;
  const Ranks ranks = rank(a, b);
  if (a.size() + b.size() <= kExact) return exact(ranks, b.size());
  return normal(ranks, static_cast<double>(a.size()), static_cast<double>(b.size()));
}

double least_probability(std::size_t a, std::size_t b) {
  double ways = 1;  // a + b over b
  for (std::size_t i = 1; i <= b; ++i) ways *= static_cast<double>(a + i) / static_cast<double>(i);
  return a == 0 || b == 0 ? 1 : 1 / ways;
}

}  // namespace mint::bench
