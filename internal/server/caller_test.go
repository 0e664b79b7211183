package server

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"heddle/internal/iam/account"
)

// TestRegionsAreNotPartsOfHeads keeps the regions of many callers, as what is remembered of
// worlds and rates does: they do not keep the heads of their requests in memory.
func TestRegionsAreNotPartsOfHeads(t *testing.T) {
	heap := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	const callers, headBytes = 500, 64 << 10
	var kept []string
	before := heap()
	for i := range callers {
		region := fmt.Sprintf("region-%d", i)
		head := strings.Repeat("x", headBytes) + region
		c := callerOf(&account.Caller{}, head[headBytes:], &http.Request{})
		if c.Region != region {
			t.Fatal(c.Region)
		}
		kept = append(kept, c.Region)
	}
	if grown := heap() - before; grown > callers*headBytes/10 {
		t.Errorf("%d regions keep %d bytes", len(kept), grown)
	}
	runtime.KeepAlive(kept)
}
