//go:build !linux && !darwin

package server

import "time"

func uptime() time.Duration { return 0 }
func bootName() string      { return "" }
