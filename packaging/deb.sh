#!/bin/sh
# Build a Debian package for the Debian or Ubuntu that this runs on:
#
#   sh packaging/deb.sh [FOLDER]      # writes FOLDER/stylecam_VERSION_ARCHITECTURE.deb; by default dist/
#
# It holds everything but Python and the libraries of OpenCV's windows, so nothing is compiled or fetched when it is
# installed. It needs python3-venv and dpkg-deb here, no root.
set -eu
cd "$(dirname "$0")/.."
out=$(mkdir -p "${1:-dist}" && cd "${1:-dist}" && pwd)
extras=video,openvino,obs
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
home=/usr/lib/stylecam

python=/usr/bin/python3
minor=$($python -c 'import sys; print(sys.version_info[1])')
$python -m venv "$work/tools"
$python -m venv --without-pip "$root$home"
pip() { "$work/tools/bin/python" -m pip --disable-pip-version-check "$@"; }
install() { pip --python "$root$home/bin/python3" install -q --no-compile --no-warn-script-location "$@"; }
install ".[$extras]" "opencv-python<5"
install --no-deps pynput  # X11 does not need its dependency evdev, which would have to be compiled
ours="$root$home/bin/python3 -I -m stylecam"
mkdir -p "$root$home/share/man/man1"
"$root$home/bin/python3" -I packaging/reference.py "$root$home/share/man/man1/stylecam.1"
version=$($ours --version | sed 's/.* //')

# The environment was made in $work, and will lie in $home.
find "$root$home/bin" -mindepth 1 ! -name 'python*' -delete
rm -rf "$root$home/include" "$root$home/lib64"
printf 'home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.%s\n' "$minor" >"$root$home/pyvenv.cfg"
mv "$root$home/share" "$root/usr/share"
gzip -9n "$root/usr/share/man/man1/stylecam.1"

mkdir -p "$root/usr/bin" "$root/usr/lib/systemd/user" "$root/DEBIAN" "$root/usr/share/doc/stylecam" \
    "$root/usr/share/bash-completion/completions" "$root/usr/share/zsh/vendor-completions" \
    "$root/usr/share/fish/vendor_completions.d"
cat >"$root/usr/bin/stylecam" <<END
#!$home/bin/python3 -I
from stylecam.cli import main

main()
END
chmod 755 "$root/usr/bin/stylecam"
complete() { env "_STYLECAM_COMPLETE=$1_source" "$root$home/bin/python3" -I -c '
from stylecam.cli import main; main()'; }
complete bash >"$root/usr/share/bash-completion/completions/stylecam" 2>"$work/complain" || cat "$work/complain" >&2
complete zsh >"$root/usr/share/zsh/vendor-completions/_stylecam"
complete fish >"$root/usr/share/fish/vendor_completions.d/stylecam.fish"
"$root$home/bin/python3" -I -c '
from stylecam.system.service import systemd
text = systemd.unit(["/usr/bin/stylecam", "run"], "graphical-session.target")
print(text.split("\n", 1)[1], end="")' >"$root/usr/lib/systemd/user/stylecam.service"
cp LICENSE "$root/usr/share/doc/stylecam/copyright"
cat >>"$root/usr/share/doc/stylecam/copyright" <<END

This package combines stylecam with other people's programs, among them pyvirtualcam (GPL 2.0), so it may be distributed
under the GPL 2.0 or later only. The licence of each lies in $home/lib/python3.$minor/site-packages/*.dist-info.
END
find "$root$home" -name __pycache__ -prune -exec rm -rf {} +
"$root$home/bin/python3" -I -m compileall -q -s "$root" -p / "$root$home/lib" >/dev/null 2>&1 || true  # templates are no code

cat >"$root/DEBIAN/control" <<END
Package: stylecam
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: The stylecam authors <stylecam@localhost>
Installed-Size: $(du -sk "$root" | cut -f1)
Depends: python3 (>= 3.$minor), python3 (<< 3.$((minor + 1))), libgl1, libx11-6, libxcb1,
 libglib2.0-0 | libglib2.0-0t64
Recommends: v4l2loopback-dkms
Suggests: libsrt1.5-openssl, pulseaudio-utils, gstreamer1.0-pipewire, gstreamer1.0-tools, gstreamer1.0-plugins-base
Section: video
Priority: optional
Description: virtual webcam that paints you live
 stylecam reads your camera, repaints every frame in the manner of a painting,
 and publishes the result as a camera that meeting programs can choose.
 It needs no graphics card.
END
deb=$out/stylecam_${version}_$(dpkg --print-architecture).deb
dpkg-deb --root-owner-group -Zzstd -z12 --build "$root" "$deb" >/dev/null
echo "$deb"
