package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"heddle/internal/swf/wire"
)

// BenchmarkAudit is what a recorded call costs more than one that is not.
func BenchmarkAudit(b *testing.B) {
	for _, files := range []string{AuditOff, AuditFile} {
		b.Run(files, func(b *testing.B) {
			cfg := memory()
			cfg.Data, cfg.Audit.Files = b.TempDir(), files
			s, err := Start(b.Context(), cfg)
			if err != nil {
				b.Fatal(err)
			}
			do := func(action, body string) {
				r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/", strings.NewReader(body))
				r.Header.Set("X-Amz-Target", wire.TargetPrefix+"."+action)
				w := httptest.NewRecorder()
				s.door.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatalf("%s: %d %s", action, w.Code, w.Body)
				}
			}
			do("RegisterDomain", `{"name":"shop","workflowExecutionRetentionPeriodInDays":"7"}`)
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				i++
				do("CountPendingActivityTasks", fmt.Sprintf(`{"domain":"shop","taskList":{"name":"list-%d"}}`, i%10))
			}
			b.StopTimer()
			if err := s.Close(b.Context()); err != nil {
				b.Fatal(err)
			}
		})
	}
}
