package listen

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// States of a TCP connection, as the kernel numbers them.
const (
	tcpEstablished = 1
	tcpCloseWait   = 8
)

// Descriptors is how many descriptors the process can have. Go has raised the soft limit
// to the hard one by then, but for those of the processes that it starts.
func Descriptors() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > descriptorsMost {
		return descriptorsMost
	}
	return int(limit.Cur)
}

// look asks the kernel about a connection.
func look(conn net.Conn) connectionState {
	state, _ := lookAt(conn)
	return state
}

// lookAt tells, besides, how many bytes have come on it, read or not.
func lookAt(conn net.Conn) (state connectionState, received uint64) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return unknown, 0
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return broken, 0
	}
	state = broken
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			state = unknown
			return
		}
		received = info.Bytes_received
		switch {
		case info.State == tcpEstablished:
			state = open
		case info.State == tcpCloseWait && info.Unacked == 0:
			state = hungUp
		}
	})
	if err != nil { // it was closed here
		return broken, received
	}
	return state, received
}

// acknowledged is how many bytes the peer's host has acknowledged, if the kernel
// tells.
func acknowledged(conn net.Conn) (bytes uint64, known bool) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return 0, false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if known = err == nil; known {
			bytes = info.Bytes_acked
		}
	})
	return bytes, known && err == nil
}

// boundAcks makes the kernel give a connection up whose peer acknowledges nothing.
func boundAcks(conn net.Conn, timeout time.Duration) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	// Without it a dead peer is noticed later, by the kernel's own patience.
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(timeout.Milliseconds()))
	})
}
