// Command moto runs moto's server, which mocks AWS in memory, so that it can be
// measured like any other: it finds a port, says where the server listens, and
// takes it along when it ends.
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// startMax is how long the server may take to listen.
const startMax = 30 * time.Second

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "moto:", err)
		os.Exit(1)
	}
}

func run() error {
	runtime.LockOSThread() // the child dies with the thread that made it
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	server := exec.Command("python3", "-m", "moto.server", "-H", "127.0.0.1", "-p", port)
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := server.Start(); err != nil {
		return fmt.Errorf("start moto's server: %w", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- server.Wait() }()
	for deadline := time.Now().Add(startMax); ; time.Sleep(50 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("moto's server does not listen: %w", err), server.Process.Kill())
		}
	}
	fmt.Printf("moto listens on http://%s \n", addr)
	select {
	case err := <-exited:
		return fmt.Errorf("moto's server ended: %w", err)
	case <-stop:
		return server.Process.Kill()
	}
}

// freeAddr is an address on which nobody listened a moment ago.
func freeAddr() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
