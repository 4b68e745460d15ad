// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "cli/arguments.h"
#include "sim/base/error.h"
#include "sim/base/text.h"

namespace moeplan {
namespace {

constexpr std::size_t kWidthWithoutTerminal = 120;
constexpr Count kNarrowest = 40;
constexpr Count kWidest = 1000;

std::string reason_of(int error) { return std::generic_category().message(error); }

[[noreturn]] void throw_not_writable(const std::string& path, int error) {
  throw_usage("output", in_quotes(path) + ": " + reason_of(error), "a file that can be written");
}

[[noreturn]] void throw_not_written(const std::string& path, int error) {
  Problem problem;
  problem.file = path.empty() ? "standard output" : path;
  problem.found = reason_of(error);
  problem.expected = "room for the answer";
  throw InputError(ErrorKind::MissingResource, problem);
}

// The mode a plain open() would give; mkstemp gives 0600.
mode_t default_mode() {
  const mode_t mask = umask(0);
  umask(mask);
  return static_cast<mode_t>(0666) & ~mask;
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t done = ::write(descriptor, text.data(), text.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(done));
  }
  return true;
}

}  // namespace

OutputTarget::OutputTarget(const std::string& path) {
  if (path == "-") return;
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(path, error);  // through links
  path_ = error ? path : real.string();
  const std::filesystem::file_status status = std::filesystem::status(path_, error);
  if (std::filesystem::is_directory(status)) throw_not_writable(path, EISDIR);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) throw_not_writable(path, errno);
    return;
  }
  std::string name = path_ + ".XXXXXX";
  descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) throw_not_writable(path, errno);
  temporary_ = name;
}

OutputTarget::OutputTarget(OutputTarget&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, "")),
      descriptor_(std::exchange(other.descriptor_, 1)) {}

OutputTarget::~OutputTarget() {
  if (descriptor_ > 2) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void OutputTarget::write(std::string_view text) {
  if (!write_all(descriptor_, text)) {
    if (errno == EPIPE && path_.empty()) return;
    throw_not_written(path_, errno);
  }
  if (temporary_.empty()) return;
  if (::fchmod(descriptor_, default_mode()) != 0 || ::close(std::exchange(descriptor_, 1)) != 0)
    throw_not_written(path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw_not_written(path_, errno);
  temporary_.clear();
}

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

bool use_color(ColorChoice choice) {
  if (choice != ColorChoice::Auto) return choice == ColorChoice::Always;
  return ::isatty(STDOUT_FILENO) == 1 && !environment("NO_COLOR") && environment("TERM").value_or("dumb") != "dumb";
}

std::size_t terminal_width() {
  const std::optional<Count> asked = parse_count(environment("COLUMNS").value_or(""));
  if (asked && *asked >= kNarrowest && *asked <= kWidest) return static_cast<std::size_t>(*asked);
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= kNarrowest) return size.ws_col;
  return kWidthWithoutTerminal;
}

}  // namespace moeplan
