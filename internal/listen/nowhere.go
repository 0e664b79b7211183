package listen

import (
	"net"
	"sync"
)

// nowhere is a listener to which nobody connects.
type nowhere struct {
	closed chan struct{}
	once   sync.Once
}

// Accept implements net.Listener: it waits until the listener is closed.
func (l *nowhere) Accept() (net.Conn, error) {
	<-l.closed
	return nil, net.ErrClosed
}

// Close implements net.Listener.
func (l *nowhere) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener: an address of the loopback, without a port.
func (l *nowhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
