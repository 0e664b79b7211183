package server

import (
	"net"
	"testing"
)

// TestConnectionsWaitForAPlace has two connections where one has room: the second
// is accepted once the first is closed, however often that is closed.
func TestConnectionsWaitForAPlace(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	l := lines{listener, make(chan struct{}, 1)}
	for range 2 {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	first, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan net.Conn)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		second <- conn
	}()
	select {
	case <-second:
		t.Fatal("two connections were accepted where one has room")
	default:
	}
	for range 2 {
		first.Close()
	}
	conn := <-second
	if len(l.places) != 1 {
		t.Errorf("%d places are taken, want 1", len(l.places))
	}
	conn.Close()
	if len(l.places) != 0 {
		t.Errorf("%d places are taken after both were closed, want 0", len(l.places))
	}
}
