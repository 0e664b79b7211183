package process

import "syscall"

// child has a process end when the one that starts it does, however that ends.
func child() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
