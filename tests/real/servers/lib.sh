# What tests/real/run, its recipes and .ci/run stand on. For bash with `set -euo pipefail`.
#
# A recipe is servers/NAME/recipe.sh with
#   NAME_needs            the tools it wants on the PATH
#   NAME_files            folders beside its own, relative to it, whose files it is made from; none if not set
#   NAME_install DIR      fills the empty DIR; done once, kept in the cache under the hash of all these files
#   NAME_prepare DIR      in the server's own working directory: calls `serve` and `ready_when`, exports where it listens;
#                         one that only builds a tool calls neither and exports where the tool is
# All of them find their own files in $recipe. They run under `set -e`: nobody may call them behind `||` or `if`.

servers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${GATECRIER_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/gatecrier-servers}

# The directory of each installed server.
declare -A installed=()

say() { printf '== %s\n' "$*"; }

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# step NAME COMMAND…: runs the command and says how long it took. If it fails, $step still names it at exit.
step() {
    local began=${EPOCHREALTIME/[.,]/} took
    step=$1
    shift
    say "$step"
    "$@"
    took=$(((${EPOCHREALTIME/[.,]/} - began) / 100000))
    say "$step: $((took / 10)).$((took % 10)) s"
    step=
}
step=

# need TOOL…: fails with the name of a tool that is missing.
need() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || fail "$tool is missing; .ci/run installs it"
    done
}

# install NAME: sets installed[NAME], installing the server if the cache has none for these files.
install() {
    local recipe=$servers/$1 needs=$1_needs files=$1_files key dir
    # shellcheck source=/dev/null
    . "$recipe/recipe.sh"
    need sha256sum flock ${!needs}
    key=$(cd "$recipe" && find . ${!files-} -type f | LC_ALL=C sort | xargs sha256sum | sha256sum)
    dir=$cache/$1-${key:0:12}
    mkdir -p "$cache"
    # One installation at a time, and only a finished one gets the name that counts.
    exec 9>"$cache/$1.lock"
    flock 9
    if [[ ! -d $dir ]]; then
        rm -rf "$dir.part"
        mkdir "$dir.part"
        # In a shell of its own: where a recipe goes and what it sets stays there.
        ("$1_install" "$dir.part") 9>&-
        mv "$dir.part" "$dir"
    fi
    exec 9>&-
    installed[$1]=$dir
}

# maven_jars POM DIR: downloads what the POM names, with everything below it.
maven_jars() {
    mvn -B -ntp -q -f "$1" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$2"
}

# free_port: prints a TCP port nobody listens on, below the range the kernel itself hands out.
free_port() {
    local port
    while port=$((20000 + SRANDOM % 12000)); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

# serve COMMAND…: how the server is run, in its working directory.
serve() { printf 'exec %s\n' "${*@Q}" >command; }

# ready_when COMMAND: what succeeds once the server can be used.
ready_when() { printf '%s\n' "$1" >ready; }
