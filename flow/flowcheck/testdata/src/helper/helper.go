// Package helper lies between a workflow and package other.
package helper

import "other"

func ID(prefix string) int64 { return other.Stamp() } // want ID:"reads the clock: helper.ID → other.Stamp → other.stamp → time.Now"
