# Shared by ./check and ./quickstart; run from the repository root.

say() { printf '== %s\n' "$*" >&2; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# install_packages LIST...: Debian packages by apt; one line naming what is missing where that is not allowed.
install_packages() {
  command -v dpkg-query >/dev/null || { say "no dpkg here: taking the packages of $* as given"; return 0; }
  local wanted missing=() p apt
  wanted=$(cat "$@")
  for p in $wanted; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" = 0 ]; then apt=(apt-get)
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then apt=(sudo apt-get)
  else die "missing Debian packages; as root: apt-get install --no-remove --no-install-recommends ${missing[*]}"
  fi
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  "${apt[@]}" -q update >&2
  DEBIAN_FRONTEND=noninteractive "${apt[@]}" -q -y --no-remove --no-install-recommends install "${missing[@]}" >&2
}

# How many compilers fit: one a core, and 1.5 GB of free memory each.
jobs_that_fit() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/MemAvailable/ { print int($2 / 1500000) }' /proc/meminfo)
  [ "$memory" -lt 1 ] && memory=1
  [ "$memory" -lt "$cores" ] && echo "$memory" || echo "$cores"
}

# configure FOLDER OPTION...: does nothing when the folder was configured with the same options and the same list of sources.
configure() {
  local folder=$1 options sources
  shift
  options="${CXX:-} $*"
  sources=$(find include backends src plugins tools tests bench -name '*.?pp' | LC_ALL=C sort | sha256sum)
  if [ "$(cat "$folder/.options" 2>/dev/null)" != "$options" ] || [ ! -f "$folder/build.ninja" ]; then
    rm -rf "${folder:?}/meson-private" "$folder/meson-info" "$folder/build.ninja"
    mkdir -p "$folder"
    meson setup "$folder" "$@" >&2 || die "meson could not configure $folder"
  elif [ "$(cat "$folder/.sources" 2>/dev/null)" != "$sources" ]; then
    meson setup --reconfigure "$folder" >&2 || die "meson could not configure $folder again"
  fi
  printf '%s' "$options" >"$folder/.options"
  printf '%s' "$sources" >"$folder/.sources"
}
