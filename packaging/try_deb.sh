#!/bin/sh
# Install the package in a fresh root of Debian, and run stylecam there, as a nightly check:
#
#   sh packaging/try_deb.sh bookworm [MIRROR]
#
# Needs root and mmdebstrap. The package is built in such a root too, so that it fits the Python there.
set -eu
cd "$(dirname "$0")/.."
suite=${1:?the suite of Debian: bookworm or trixie}
mirror=${2:-}
if [ -z "$mirror" ] && grep -q '^ID=debian' /etc/os-release; then  # elsewhere mmdebstrap knows one
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
fi
work=$(mktemp -d)
trap 'for root in build user; do umount "$work/$root/proc" "$work/$root/sys" 2>/dev/null || true; done
    rm -rf --one-file-system "$work"' EXIT

new_root() { # NAME PACKAGES
    mmdebstrap --quiet --mode=root --variant=minbase --include="$2" "$suite" "$work/$1" ${mirror:+"$mirror"}
    cp /etc/resolv.conf /etc/hosts "$work/$1/etc/"
    for file in ${PIP_CONFIG_FILE:-} ${PIP_CERT:-}; do  # where this machine needs them to install anything
        mkdir -p "$work/$1$(dirname "$file")" && cp -L "$file" "$work/$1$file"
    done
    mount -t proc proc "$work/$1/proc" && mount -t sysfs sys "$work/$1/sys"
}
within() { # NAME COMMAND...
    root=$work/$1; shift
    chroot "$root" env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/root LANG=C.UTF-8 \
        ${PIP_CERT:+PIP_CERT="$PIP_CERT"} ${PIP_CONFIG_FILE:+PIP_CONFIG_FILE="$PIP_CONFIG_FILE"} "$@"
}

new_root build python3,python3-venv,ca-certificates
mkdir "$work/build/root/stylecam"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$work/build/root/stylecam"
within build sh /root/stylecam/packaging/deb.sh /root/out
deb=$(ls "$work"/build/root/out/*.deb)
echo "$(basename "$deb"): $(($(stat -c %s "$deb") / 1000000)) MB"

new_root user ca-certificates
cp "$deb" "$work/user/root/"
within user apt-get update -qq  # mmdebstrap leaves no lists
started=$(date +%s)
within user apt-get install -qq -y --no-install-recommends "/root/$(basename "$deb")" >"$work/apt.log" 2>&1 ||
    { cat "$work/apt.log"; exit 1; }
within user stylecam run --camera demo --output null --seconds 3
echo "from the package to painting in $(($(date +%s) - started)) s"
within user stylecam --version
within user sh -c 'cd /usr/lib/stylecam/lib/python3*/site-packages/stylecam/assets && stylecam image astronaut.jpg -o /root/painted.png'
for file in man/man1/stylecam.1.gz applications/app.stylecam.Stylecam.desktop bash-completion/completions/stylecam \
    icons/hicolor/scalable/apps/app.stylecam.Stylecam.svg zsh/vendor-completions/_stylecam \
    fish/vendor_completions.d/stylecam.fish ../lib/systemd/user/stylecam.service; do
    [ -s "$work/user/usr/share/$file" ] || { echo "the package lacks $file"; exit 1; }
done
within user sh -c 'command -v cc gcc' && { echo "a compiler was installed"; exit 1; }
within user apt-get remove -qq -y stylecam >/dev/null 2>&1
[ ! -e "$work/user/usr/lib/stylecam" ] || { echo "removing the package leaves $(find "$work/user/usr/lib/stylecam" | wc -l) files"; exit 1; }
echo "the package holds on $suite"
