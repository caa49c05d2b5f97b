#include "traces/process_channel.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace mint {

std::pair<Channel, Channel> Channel::pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw std::system_error(errno, std::generic_category(), "socketpair");
  return {Channel(ends[0]), Channel(ends[1])};
}

void Channel::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

bool Channel::write(const char* from, std::size_t bytes) {
  while (bytes > 0) {
    const ssize_t sent = ::send(descriptor_, from, bytes, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    from += sent;
    bytes -= static_cast<std::size_t>(sent);
  }
  return true;
}

bool Channel::read(char* to, std::size_t bytes) {
  while (bytes > 0) {
    const ssize_t got = ::recv(descriptor_, to, bytes, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    bytes -= static_cast<std::size_t>(got);
  }
  return true;
}

bool Channel::send(std::string_view message) {
  const std::uint64_t size = message.size();
  return write(reinterpret_cast<const char*>(&size), sizeof size) &&
         write(message.data(), message.size());
}

std::optional<std::string> Channel::receive() {
  std::uint64_t size = 0;
  if (!read(reinterpret_cast<char*>(&size), sizeof size)) return std::nullopt;
  std::string message(size, '\0');
  if (!read(message.data(), message.size())) return std::nullopt;
  return message;
}

}  // namespace mint
