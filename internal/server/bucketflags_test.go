package server

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"heddle/internal/blob"
	"heddle/internal/engine"
)

// TestACheckWantsTheBucketsFlags: without them it looks into the folder, and says of
// each blob in the bucket that it is missing.
func TestACheckWantsTheBucketsFlags(t *testing.T) {
	cfg := onDisk(t)
	cfg.Blobs = newBucket(t).config()
	s := start(t, cfg)
	id := putBlob(t, s, "in the bucket")
	closeServer(t, s)
	refer(t, cfg, id)
	if found, told := checkBlobs(t, cfg); found.Missing != 0 || found.Blobs != 1 || len(told) > 0 {
		t.Errorf("with the flags: %+v, %q", found, told)
	}
	cfg.Blobs = Blobs{}
	if found, told := checkBlobs(t, cfg); found.Missing != 1 || found.Blobs != 0 || len(told) != 1 {
		t.Errorf("without the flags: %+v, %q", found, told)
	}
}

// TestSWFHasNoBlobs: a bucket that is set is looked at, at the start and by sweeps; but all
// that SWF's calls do puts nothing into it.
func TestSWFHasNoBlobs(t *testing.T) {
	cfg := onDisk(t)
	kept := newBucket(t)
	cfg.Blobs = kept.config()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		kept.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	cfg.Blobs.Endpoint = front.URL
	s := start(t, cfg)
	plant(t, s)
	s.clock.skip(s.clock.Now() + engine.Time(48*time.Hour/time.Millisecond))
	s.node.Advance()
	for range 2 {
		s.clock.skip(s.clock.Now() + engine.Time(time.Hour/time.Millisecond))
		(&sweeps{blobs: s.blobs, references: references{s.store}, log: s.cfg.Log}).sweep(t.Context())
	}
	closeServer(t, s)
	if names := kept.names(); len(names) > 0 || exists(BlobDir(cfg.Data)) {
		t.Errorf("there are blobs: %q, and a folder: %v", names, exists(BlobDir(cfg.Data)))
	}
	if found, told := checkBlobs(t, cfg); found != (blob.Checked{}) || len(told) > 0 {
		t.Errorf("check: %+v, %q", found, told)
	}
}
