// Whether one row of measurements is larger than another, or only seems so.
#pragma once

#include <vector>

namespace mint::bench {

// Nothing must be empty.
double median(std::vector<double> values);

// The one-sided Mann-Whitney test: how probable it is, if `a` and `b` were measurements of the same
// thing, that `b` comes out at least as much larger than `a` as it did. Exact, by the distribution
// of ranks; equal values share their ranks. No assumption on how measurements are distributed.
double probability_of_larger(const std::vector<double>& a, const std::vector<double>& b);

// The least that the test can say of so many measurements: whether it can tell anything at all.
double least_probability(std::size_t a, std::size_t b);

}  // namespace mint::bench
