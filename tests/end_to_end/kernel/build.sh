#!/bin/bash
# Builds the guest of the kernel tests into the folder named: a Debian bookworm root disk, its kernel, an initrd.
#   bash build.sh FOLDER              everything, about three minutes and 4 GB
#   STEPS="venv disk" bash build.sh FOLDER     only some steps, in the order given
# Needs root on a Debian bookworm host (the drivers are compiled with its kernel headers); Debian packages come from the
# mirror that this host's own apt uses, Python's from where its pip gets them. No KVM, no loop devices, no mounts.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
RIG=$1
STEPS=${STEPS:-"host root kernel loopback wheels venv guest initrd disk"}
SUITE=bookworm
MIRROR=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)}
GUEST_PACKAGES="python3 python3-venv ffmpeg v4l-utils kmod procps udev chromium pipewire pipewire-bin wireplumber dbus-daemon"
# What stylecam needs to run, without what reaches for a display: pynput would want a compiler for its evdev.
WHEELS="numpy opencv-python-headless==4.14.0.94 pyvirtualcam click rich platformdirs psutil pillow aiohttp"
ROOT=$RIG/root
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
mkdir -p "$RIG"

say() { echo "== $(date +%T) $*"; }
kver() { basename "$(echo "$RIG"/linux/lib/modules/*)"; }

step_host() {
    apt-get update -qq
    # gcc-12 is what Debian built 6.1 with
    apt-get install -y -qq --no-install-recommends qemu-system-x86 debootstrap e2fsprogs cpio kmod xz-utils \
        busybox-static make gcc-12 linux-headers-amd64 >"$RIG/host.log" 2>&1
}

step_root() {
    rm -rf "$ROOT"
    debootstrap --variant=minbase "$SUITE" "$ROOT" "$MIRROR" >"$RIG/debootstrap.log" 2>&1
    echo "deb $MIRROR $SUITE main" >"$ROOT/etc/apt/sources.list"
    cp /etc/resolv.conf /etc/hosts "$ROOT/etc/"
    printf '#!/bin/sh\nexit 101\n' >"$ROOT/usr/sbin/policy-rc.d"; chmod +x "$ROOT/usr/sbin/policy-rc.d"
    chroot "$ROOT" apt-get update -qq
    # shellcheck disable=SC2086
    chroot "$ROOT" apt-get install -y -qq --no-install-recommends $GUEST_PACKAGES >"$RIG/guestapt.log" 2>&1
    rm -rf "$ROOT"/var/cache/apt/archives/*.deb "$ROOT"/var/lib/apt/lists/* "$ROOT"/usr/share/{doc,locale}
}

# The kernel package is only unpacked: its own scripts would build a 35 MB initramfs, slow without KVM.
step_kernel() {
    rm -rf "$RIG/linux" "$RIG/linuxdeb"; mkdir -p "$RIG/linux" "$RIG/linuxdeb"
    local pkg; pkg=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image-/{print $2; exit}')
    (cd "$RIG/linuxdeb" && apt-get download "$pkg" >/dev/null 2>&1)
    dpkg-deb -x "$RIG"/linuxdeb/*.deb "$RIG/linux"
    cp "$RIG"/linux/boot/vmlinuz-* "$RIG/vmlinuz"
    say "kernel $(kver)"
}

# v4l2loopback of bookworm (0.12.7; Ubuntu 22.04 and 24.04 have it too) and of trixie (0.15.0), both for this kernel.
step_loopback() {
    local k suite d apt src v; k=$(kver)
    [ -d "/usr/src/linux-headers-$k" ] || { echo "no headers for $k"; exit 1; }
    rm -rf "$RIG/v4l2loopback" "$RIG/ko"
    for suite in "$SUITE" trixie; do
        d=$RIG/v4l2loopback/$suite; mkdir -p "$d/lists/partial" "$d/src"
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $MIRROR $suite main" >"$d/sources.list"
        # lists of its own, so that the host's stay as they are
        apt="-o Dir::Etc::sourcelist=$d/sources.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=$d/lists
             -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache="
        # shellcheck disable=SC2086
        (cd "$d" && apt-get $apt update -qq && apt-get $apt download v4l2loopback-dkms >/dev/null 2>&1 &&
            dpkg-deb -x ./*.deb src)
        src=$(echo "$d"/src/usr/src/v4l2loopback-*); v=${src##*-}
        make -C "/usr/src/linux-headers-$k" M="$src" modules >"$d/make.log" 2>&1
        mkdir -p "$RIG/ko/$v"; cp "$src/v4l2loopback.ko" "$RIG/ko/$v/"
        say "v4l2loopback $v"
    done
    depmod -b "$RIG/linux" "$k"
}

step_wheels() {
    rm -rf "$RIG/wheels"; mkdir -p "$RIG/wheels"
    # shellcheck disable=SC2086
    python3 -m pip download -q -d "$RIG/wheels" --only-binary=:all: --python-version 3.11 --implementation cp \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 $WHEELS
}

step_venv() {
    rm -rf "$ROOT/opt/venv" "$ROOT/opt/wheels"; mkdir -p "$ROOT/opt/wheels"
    cp "$RIG"/wheels/*.whl "$ROOT/opt/wheels/"
    chroot "$ROOT" python3 -m venv /opt/venv
    # shellcheck disable=SC2086
    chroot "$ROOT" /opt/venv/bin/pip install -q --no-index --find-links /opt/wheels $WHEELS
    rm -rf "$ROOT/opt/wheels"
}

step_guest() {
    local k; k=$(kver)
    rm -rf "$ROOT/usr/lib/modules"; mkdir -p "$ROOT/usr/lib/modules"
    cp -a "$RIG/linux/lib/modules/$k" "$ROOT/usr/lib/modules/"
    rm -rf "$ROOT/opt/loopback"; cp -a "$RIG/ko" "$ROOT/opt/loopback"
    install -m 755 "$HERE/guest-init" "$ROOT/sbin/guest-init"
    install -m 755 /bin/busybox "$ROOT/sbin/busybox-guest"
    mkdir -p "$ROOT/host"
    echo guest >"$ROOT/etc/hostname"
    printf '127.0.0.1 localhost guest\n' >"$ROOT/etc/hosts"
    rm -f "$ROOT/etc/resolv.conf"
}

# A small initrd: busybox, and only the modules that find the root disk.
step_initrd() {
    local k d m f b; k=$(kver); d=$RIG/initrd.d
    rm -rf "$d"; mkdir -p "$d"/{bin,proc,sys,dev,newroot,modules}
    cp /bin/busybox "$d/bin/"
    : >"$d/modules/order"
    for m in virtio_pci virtio_blk ext4 9pnet_virtio 9p; do
        modprobe -d "$RIG/linux" -S "$k" --show-depends "$m" | awk '$1=="insmod"{print $2}' | while read -r f; do
            b=$(basename "$f")
            grep -qx "$b" "$d/modules/order" && continue
            cp "$f" "$d/modules/$b"; echo "$b" >>"$d/modules/order"
        done
    done
    cat >"$d/init" <<'INIT'
#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for m in $(cat /modules/order); do insmod /modules/$m || echo "insmod $m failed"; done
n=0; while [ ! -b /dev/vda ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done
mount -t ext4 -o rw,noatime /dev/vda /newroot || { echo "no root"; poweroff -f; }
mount --move /dev /newroot/dev; mount --move /proc /newroot/proc; mount --move /sys /newroot/sys
exec switch_root /newroot /sbin/guest-init
INIT
    chmod +x "$d/init"
    (cd "$d" && find . | cpio -o -H newc --quiet | gzip -1) >"$RIG/initrd.img"
}

step_disk() {
    local mb; mb=$(du -sm --apparent-size "$ROOT" | cut -f1); mb=$((mb * 12 / 10 + 600))
    rm -f "$RIG/root.img"
    mke2fs -q -t ext4 -O ^has_journal -m 0 -N 200000 -L guest -d "$ROOT" "$RIG/root.img" "${mb}M"
}

for s in $STEPS; do say "$s"; "step_$s"; done
say "done"
