#include "bench/accuracy/plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <stdexcept>

namespace mint::accuracy {
namespace {

constexpr int kBars = 41;       // an odd number: the middle one is around 0
constexpr double kRange = 0.5;  // of the error, to either side
constexpr int kBarWidth = 16;
constexpr int kHeight = 150;  // of one histogram
constexpr int kMargin = 50;

std::vector<unsigned> histogram(const std::vector<double>& errors) {
  std::vector<unsigned> bars(kBars);
  for (const double error : errors) {
    const double at = std::floor((error / kRange + 1) / 2 * kBars);
    ++bars[static_cast<std::size_t>(std::clamp(at, 0.0, kBars - 1.0))];
  }
  return bars;
}

// Heights go with the root of the count, so that single outliers can be seen beside the peak.
std::string draw(const ErrorSeries& series, int top) {
  const std::vector<unsigned> bars = histogram(series.errors);
  const double most = std::sqrt(std::max(1u, *std::max_element(bars.begin(), bars.end())));
  std::string out = fmt::format("<text x=\"{}\" y=\"{}\">{}: {} figures</text>\n", kMargin,
                                top + 14, series.name, series.errors.size());
  const int base = top + kHeight;
  for (int i = 0; i < kBars; ++i) {
    const unsigned count = bars[static_cast<std::size_t>(i)];
    if (count == 0) continue;
    const int height = static_cast<int>(std::ceil(std::sqrt(count) / most * (kHeight - 40)));
    const int x = kMargin + i * kBarWidth;
    out += fmt::format(
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"#4878a8\"/>\n"
        "<text x=\"{}\" y=\"{}\" font-size=\"8\" text-anchor=\"middle\">{}</text>\n",
        x, base - height, kBarWidth - 2, height, x + kBarWidth / 2 - 1, base - height - 2, count);
  }
  out += fmt::format("<line x1=\"{0}\" y1=\"{1}\" x2=\"{2}\" y2=\"{1}\" stroke=\"black\"/>\n",
                     kMargin, base, kMargin + kBars * kBarWidth);
  for (int percent = -50; percent <= 50; percent += 25) {
    const double x = kMargin + (percent / 100.0 / kRange + 1) / 2 * kBars * kBarWidth;
    out += fmt::format(
        "<text x=\"{:.0f}\" y=\"{}\" font-size=\"10\" text-anchor=\"middle\">{:+} %</text>\n", x,
        base + 12, percent);
  }
  return out;
}

}  // namespace

void plot_errors(const std::vector<ErrorSeries>& series, const std::filesystem::path& file) {
  const int width = 2 * kMargin + kBars * kBarWidth;
  const int height = static_cast<int>(series.size()) * (kHeight + 30) + 10;
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
      "{1}\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{0}\" height=\"{1}\" "
      "fill=\"white\"/>\n",
      width, height);
  for (std::size_t i = 0; i < series.size(); ++i)
    text += draw(series[i], static_cast<int>(i) * (kHeight + 30));
  text += "</svg>\n";
  std::ofstream out(file);
  out << text;
  if (!out.flush()) throw std::runtime_error(file.string() + " cannot be written");
}

}  // namespace mint::accuracy
