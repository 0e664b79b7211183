# Runs an image: the binary $1 alone, as user $2, with the volume $3, the variables $4, the
# command $5; then the health check $6.
mount -t tmpfs none /mnt
cp "$1" /mnt/heddle
install -d -m 0700 -o "${2%:*}" -g "${2#*:}" "/mnt$3"
in_image() { exec env -i $4 HEDDLE_INSECURE_LISTEN=true /usr/sbin/chroot --userspec="$2" /mnt $5; }
in_image "$@" &
until (in_image "$1" "$2" "$3" "$4" "$6"); do kill -0 $!; sleep 0.1; done
test "$(stat -c %u:%a "/mnt$3/credentials")" = "${2%:*}:600"
kill -TERM $!
wait $!
