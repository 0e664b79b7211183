package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"heddle/internal/sealing"
	heddle "heddle/internal/server"
)

// audited reads the audit trail of a folder: it is whole, but for a place that
// each kill may have cut off, and no record is there twice.
func audited(ctx context.Context, data, rootKey string, kills int) error {
	var trail bytes.Buffer
	var wrong []error
	err := heddle.ReadAudit(ctx, heddle.AuditReading{
		Data: data, RootKeys: sealing.RootKeys{File: rootKey}, Log: slog.New(slog.DiscardHandler),
		Wrong: func(err error) { wrong = append(wrong, err) },
	}, &trail)
	if len(wrong) > kills || err != nil && len(wrong) == 0 {
		return fmt.Errorf("after %d kills: %w; %v", kills, err, wrong)
	}
	seen := map[string]bool{}
	for line := range bytes.Lines(trail.Bytes()) {
		var record struct {
			ID string `json:"eventID"`
		}
		if err := json.Unmarshal(line, &record); err != nil {
			return fmt.Errorf("audit trail: record %q: %w", line, err)
		}
		if record.ID == "" || seen[record.ID] {
			return fmt.Errorf("audit trail: record %q has no id, or that of another", line)
		}
		seen[record.ID] = true
	}
	if len(seen) == 0 {
		return fmt.Errorf("audit trail: it is empty")
	}
	return nil
}
