package server

import "testing"

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
