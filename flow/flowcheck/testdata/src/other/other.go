// Package other is a package that knows nothing of workflows.
package other

import "time"

func Stamp() int64 { return stamp() } // want Stamp:"reads the clock: other.Stamp → other.stamp → time.Now"

func stamp() int64 { return time.Now().Unix() } // want stamp:"reads the clock: other.stamp → time.Now"

type Clock struct{}

func (Clock) Read() time.Time { return time.Now() } // want Read:"reads the clock: other.Clock.Read → time.Now"

var Limit = 3 // want Limit:"changed by other.SetLimit"

var Fixed = 3

func SetLimit(n int) { Limit = n } // want SetLimit:"goes by a variable that others change: other.SetLimit → other.Limit → other.SetLimit"

func Even(n int) bool { return n == 0 || Odd(n-1) }

func Odd(n int) bool { return n != 0 && Even(n-1) }

func Excused() int64 {
	return time.Now().Unix() //flow:ok it goes to a log alone
}
