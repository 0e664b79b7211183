package catalog

import (
	"testing"

	"heddle/test/golden"
)

// TestNotifications runs a story of what EventBridge is told.
func TestNotifications(t *testing.T) {
	golden.Each(t, "testdata/notifications/*.txt", func(t *testing.T, text string) string { return golden.Lines(text, newStory(t).do) })
}
