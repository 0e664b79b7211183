package server

import (
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func init() {
	acknowledge = func(t *testing.T, conn *net.TCPConn) {
		raw, err := conn.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var set error
		err = raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, unix.TCP_QUICKACK, 1) })
		if err != nil || set != nil {
			t.Fatal(err, set)
		}
	}
}
