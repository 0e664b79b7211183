//go:build !linux

package process

import "syscall"

func child() *syscall.SysProcAttr { return nil }
