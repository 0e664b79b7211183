//go:build !race

package flow

import "testing"

// A run that waits, at hand, holds 8 KiB at most of heap and stack. The race detector has frames and shadows of its own.
func TestWaitingRunIsSmall(t *testing.T) {
	const most = 8 << 10
	for _, activities := range []int{0, 3} {
		if held := waiting(300, activities); held > most {
			t.Errorf("after %d activities it holds %.0f bytes, want at most %d", activities, held, most)
		}
	}
}
