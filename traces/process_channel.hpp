// Messages between two processes of this program, one of which has forked the other, over a pair of
// connected sockets. A message is a string of bytes; what is in it, MessageWriter and MessageReader
// put there and get out again. Both sides are the same executable: values go as they are in memory.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace mint {

// One end. Closes itself.
class Channel {
 public:
  Channel() = default;
  explicit Channel(int descriptor) : descriptor_(descriptor) {}
  ~Channel() { close(); }
  Channel(Channel&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Channel& operator=(Channel&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Two ends of one channel. Throws std::system_error.
  static std::pair<Channel, Channel> pair();

  bool open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  void close();
  // False when nobody is there to read it any more.
  bool send(std::string_view message);
  // Waits for the next one; nothing when every process that has the other end has closed it or
  // ended.
  std::optional<std::string> receive();

 private:
  bool read(char* to, std::size_t bytes);
  bool write(const char* from, std::size_t bytes);

  int descriptor_ = -1;
};

class MessageWriter {
 public:
  template <class T>
  MessageWriter& put(const T& value) {
    if constexpr (std::is_trivially_copyable_v<T>) {
      text_.append(reinterpret_cast<const char*>(&value), sizeof value);
    } else {
      put(std::uint64_t{value.size()});
      using Element = typename T::value_type;
      if constexpr (IsMap<T>::value) {
        for (const auto& [key, mapped] : value) put(key).put(mapped);
      } else {
        static_assert(std::is_trivially_copyable_v<Element>);
        text_.append(reinterpret_cast<const char*>(value.data()), value.size() * sizeof(Element));
      }
    }
    return *this;
  }
  std::string take() { return std::move(text_); }

  template <class T>
  struct IsMap : std::false_type {};
  template <class K, class V>
  struct IsMap<std::map<K, V>> : std::true_type {};

 private:
  std::string text_;
};

// Throws std::out_of_range where the message ends too early.
class MessageReader {
 public:
  explicit MessageReader(std::string_view message) : rest_(message) {}

  template <class T>
  MessageReader& get(T& value) {
    if constexpr (std::is_trivially_copyable_v<T>) {
      std::memcpy(static_cast<void*>(&value), next(sizeof value), sizeof value);
    } else {
      std::uint64_t size = 0;
      get(size);
      if constexpr (MessageWriter::IsMap<T>::value) {
        while (size-- > 0) {
          typename T::key_type key{};
          get(key);
          get(value[key]);
        }
      } else {
        using Element = typename T::value_type;
        if (size > rest_.size() / sizeof(Element)) throw std::out_of_range("message");
        value.resize(size);
        if (size != 0)
          std::memcpy(value.data(), next(size * sizeof(Element)), size * sizeof(Element));
      }
    }
    return *this;
  }
  template <class T>
  T get() {
    T value{};
    get(value);
    return value;
  }

 private:
  const char* next(std::size_t bytes) {
    if (bytes > rest_.size()) throw std::out_of_range("message");
    const char* here = rest_.data();
    rest_.remove_prefix(bytes);
    return here;
  }

  std::string_view rest_;
};

}  // namespace mint
