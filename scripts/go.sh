# To be sourced by the scripts that build a forge from its Go module: finds a Go that is new enough as `$go`.

# What the newest of their go.mod files asks for.
toolchain=go1.26.2

# Whether Go is here; what it says it says of the forge `$1`.
go_is_here() {
    if ! command -v go >/dev/null; then
        echo "$1: Go is missing (apt-get install golang), so the tests of a real ${1^} are ignored" >&2
        return 1
    fi
    scripts/need.sh git c++
    # Versions differ in what they can: from 1.21 on Go fetches the toolchain that a module asks for by itself.
    export GOTOOLCHAIN=auto GOFLAGS="-buildvcs=false -modcacherw"
    go=go
    local minor folder
    minor=$(go version | sed -nE 's/.* go1\.([0-9]+).*/\1/p')
    if [ "${minor:-0}" -lt 21 ]; then
        # Older ones fetch it as the module that it is: through the same proxy, held against the same checksum database.
        echo "$1: $(go version | cut -d ' ' -f 3) is too old, fetching $toolchain (240 MB)"
        folder=$(cd / && GO111MODULE=on go mod download -json \
            "golang.org/toolchain@v0.0.1-$toolchain.$(go env GOOS)-$(go env GOARCH)" | sed -nE 's/.*"Dir": "(.*)",/\1/p')
        [ -n "$folder" ] || { echo "$1: it cannot be fetched: Go 1.21 or newer is needed" >&2; exit 1; }
        # Archives of modules keep no permissions.
        chmod -R u+x "$folder/bin" "$folder/pkg/tool"
        go=$folder/bin/go
        export GOROOT=$folder GOTOOLCHAIN=local
    fi
}

# Fetches the module `$2` for the forge `$1`, holds it against the checksum `$3`, and answers its folder.
module_dir() {
    local said
    said=$(cd / && "$go" mod download -json "$2") || { echo "$1: its module cannot be fetched: $said" >&2; exit 1; }
    field() { sed -nE "s/.*\"$1\": \"(.*)\".*/\1/p" <<<"$said"; }
    [ "$(field Sum)" = "$3" ] || { echo "$1: expected the checksum $3, but $2 has $(field Sum)" >&2; exit 1; }
    field Dir
}

# Copies the module in `$2` to `.$1.new/source`: a module replaces its dependencies only where it is the main one.
unpack() {
    rm -rf ".$1.new"
    mkdir ".$1.new"
    cp -r "$2" ".$1.new/source"
    chmod -R u+w ".$1.new/source"
}

# Builds the forge `$1` in its own folder, where this is called, with what `$2` tells the linker; what it shows stays beside it.
build() {
    local tags="sqlite sqlite_unlock_notify"
    GOWORK=off CGO_ENABLED=1 CGO_CFLAGS="-O1 -g0 -DSQLITE_MAX_VARIABLE_NUMBER=32766" nice "$go" build -trimpath \
        -tags "$tags" -ldflags "-s -w $2 -X 'main.Tags=$tags'" -o "../$1" .
    mkdir ../share
    mv templates options public ../share
}

# Puts what was built of `$1` in its place, as version `$2`.
keep() {
    rm -rf ".$1.new/source"
    echo "$2" >".$1.new/version"
    rm -rf ".$1"
    mv ".$1.new" ".$1"
}
