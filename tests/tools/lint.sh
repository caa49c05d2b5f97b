#!/bin/sh
# Style of our C++ files:
#   lint.sh format                every file is as clang-format would write it (.clang-format)
#   lint.sh tidy BUILD [REGEX]    clang-tidy (.clang-tidy) finds nothing in the sources that BUILD's
#                                 compile_commands.json lists, or in those whose path matches REGEX
set -eu
cd "$(dirname "$0")/../.."

need() {
  command -v "$1" >/dev/null || {
    echo "lint: $1 is not installed (Debian: apt install $2)" >&2
    exit 2
  }
}

case "${1:-}" in
  format)
    need clang-format clang-format
    # Hidden folders and build trees hold nothing of ours.
    find . -name '.?*' -prune -o -path ./build -prune -o \
      -type f \( -name '*.cpp' -o -name '*.hpp' \) -print0 |
      xargs -0 clang-format --dry-run -Werror
    ;;
  tidy)
    need run-clang-tidy clang-tidy
    build=${2:?"lint: tidy needs the build folder"}
    if [ ! -f "$build/compile_commands.json" ]; then
      echo "lint: $build has no compile_commands.json: configure it first (cmake --preset release)" >&2
      exit 2
    fi
    # One line for each finding; the progress of run-clang-tidy goes to the log.
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    if run-clang-tidy -quiet -j 2 -p "$build" \
      "${3:-^$(pwd)/(emu|devices|cli|traces|tests|bench)/.*\\.cpp\$}" >"$log" 2>&1; then
      exit 0
    fi
    # A header's finding comes once for each source that includes it.
    grep -E '(error|warning):' "$log" | sort -u || cat "$log"
    exit 1
    ;;
  *)
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
