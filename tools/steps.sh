# Sourced by ./run and ./test: the steps from a fresh system to a built program, each with a line
# that says what happens and how long it took.

say() { printf '%s\n' "$*" >&2; }

# A number of seconds as people read it: 7 s, 1:23 min.
duration() {
  if [ "$1" -lt 60 ]; then printf '%d s' "$1"; else printf '%d:%02d min' $(($1 / 60)) $(($1 % 60)); fi
}

# step NAME TEXT COMMAND...: runs the command with its output in build/log/NAME.log. Shows the last
# line of it meanwhile: on a terminal always, elsewhere every 30 s. When the command fails, shows the
# end of the log and exits with the command's exit code.
step() {
  local name=$1 text=$2 begun=$SECONDS status=0 log last shown=0
  shift 2
  mkdir -p "$root/build/log"
  log=$root/build/log/$name.log
  : >"$log"  # it is looked at while the command may not have opened it yet
  "$@" >"$log" 2>&1 </dev/null &
  local pid=$!
  # shellcheck disable=SC2064  # the id of this very process
  trap "kill $pid 2>/dev/null; exit 130" INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    last=$(tail -n 1 "$log" | tr -dc '[:print:]')
    if [ -t 2 ]; then
      printf '\r\033[K== %s: %s  %.*s' "$text" "$(duration $((SECONDS - begun)))" 60 "$last" >&2
    elif [ $((SECONDS - begun)) -ge $((shown + 30)) ]; then
      shown=$((SECONDS - begun))
      say "== $text: $(duration $shown)  $last"
    fi
  done
  wait "$pid" || status=$?
  trap - INT TERM
  [ ! -t 2 ] || printf '\r\033[K' >&2
  if [ $status -ne 0 ]; then
    tail -n 40 "$log" >&2
    say "== $text: failed after $(duration $((SECONDS - begun))) with exit code $status; all of it: $log"
    exit $status
  fi
  # What took no time did nothing: no need to tell.
  [ $((SECONDS - begun)) -lt 2 ] || say "== $text: $(duration $((SECONDS - begun)))"
}

# The libraries and tools of the groups given, by apt.
install_packages() { step packages "Debian packages" "$root/tools/install-packages" "$@"; }

# build PRESET TARGET...: configures build/PRESET unless that is done, and builds.
build() {
  local preset=$1
  shift
  (
    cd "$root"
    export NINJA_STATUS='[%f/%t] '
    if [ ! -e "build/$preset/build.ninja" ]; then
      step "configure-$preset" "Configuring ($preset)" cmake --preset "$preset"
    fi
    step "build-$preset" "Building ($preset)" cmake --build --preset "$preset" --target "$@"
  ) || exit $?
}
