package web

import "testing"

// TestPagesHaveTheirPaths: no path of a page is another's, which the router would tell.
func TestPagesHaveTheirPaths(t *testing.T) {
	if New(Config{}) == nil {
		t.Error("there is no console")
	}
}
