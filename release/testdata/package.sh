# Installs the package $1 in a copy of this system that nobody else sees, purges it, and lists
# what it left.
mount -t tmpfs none /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay none -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
mount --bind /dev /mnt/root/dev
mount -t proc none /mnt/root/proc
cp "$1" /mnt/root/heddle.deb

cat >/mnt/root/inside <<'END'
set -eux
dpkg -i /heddle.deb
heddle version
test -s /usr/share/man/man1/heddle.1.gz -a -s /usr/share/doc/heddle/copyright
systemd-analyze verify /usr/lib/systemd/system/heddle.service
# What systemd does for DynamicUser and StateDirectory.
install -d -m 0700 /var/lib/private
install -d -m 0700 -o 61234 -g 61234 /var/lib/private/heddle
ln -s private/heddle /var/lib/heddle
chmod 0711 /var/lib/private # instead of a mount of its own
command=$(sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/heddle.service)
setpriv --reuid 61234 --regid 61234 --clear-groups --no-new-privs --bounding-set -all sh -c "umask 0077; exec $command" &
until heddle ready; do kill -0 $!; sleep 0.1; done
test "$(stat -c %u:%a /var/lib/private/heddle/credentials)" = 61234:600
kill $!
wait $!
dpkg --purge heddle
END
chroot /mnt/root sh /inside >&2
rm /mnt/root/inside /mnt/root/heddle.deb
cd /mnt/upper
find . -type f -o -type l | grep -v -e '^./var/lib/dpkg/' -e '^./var/log/' -e '^./var/cache/' -e '^./run/' -e '^./tmp/' -e '^./root/' || true
