// The distribution of errors as a picture.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace mint::accuracy {

struct ErrorSeries {
  std::string name;
  std::vector<double> errors;  // (modelled - measured) / measured
};

// A histogram for each series, as SVG; errors beyond 50 % are in the outermost bars. Throws
// std::runtime_error when the file cannot be written.
void plot_errors(const std::vector<ErrorSeries>& series, const std::filesystem::path& file);

}  // namespace mint::accuracy
