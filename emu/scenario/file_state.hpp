// The state of files as far as it can be told without reading them: each one's name, inode, size,
// mode and times. It differs whenever something has been written, replaced, added or taken away.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace mint {

class FileState {
 public:
  // A file, whatever it is; that it is not there is a state, too.
  void add(const std::filesystem::path& path);
  // A folder and everything below it.
  void add_tree(const std::filesystem::path& top);
  void add_text(const std::string& text) { text_ += text + "\n"; }

  const std::string& text() const { return text_; }
  // Whether the last change of any of them was at least `nanoseconds` ago.
  bool older_than(std::int64_t nanoseconds) const;

 private:
  std::string text_;
  std::int64_t last_change_ = 0;  // host time, nanoseconds since 1970
};

}  // namespace mint
