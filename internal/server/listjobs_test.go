package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"heddle/internal/dataexchange/catalog"
	"heddle/internal/engine"
	"heddle/internal/service"
)

// asks counts the jobs that are asked for.
type asks struct {
	service.Runs
	jobs atomic.Int64
}

func (a *asks) Do(ctx context.Context, cmd engine.Command) (any, error) {
	if _, ok := cmd.Body.(*catalog.Describe); ok && cmd.Name.Kind == catalog.KindJob {
		a.jobs.Add(1)
	}
	return a.Runs.Do(ctx, cmd)
}

// TestListedJobsAreNotAskedFor: a page of jobs is read from the index and the records, but for
// jobs with long lists, and shows what GetJob does.
func TestListedJobsAreNotAskedFor(t *testing.T) {
	cfg := Config{Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), Services: Services()}
	var counted *asks
	for _, s := range cfg.Services {
		if s.Name != "dataexchange" {
			continue
		}
		open := s.Open
		s.Open = func(k *service.Kernel) (*service.Opened, error) {
			counted = &asks{Runs: k.Runs}
			kernel := *k
			kernel.Runs = counted
			return open(&kernel)
		}
	}
	s := &exchangeStory{harness: &harness{t, start(t, cfg), rootKey(t, cfg.Data)}, shown: map[string]bool{}}
	s.keys = map[string]aws.Credentials{"root": s.root}
	s.do(`root POST /v1/data-sets {"Name":"n","Description":"d","AssetType":"S3_SNAPSHOT"}`)
	s.do(`root POST /v1/data-sets/ID1/revisions {}`)
	create := func(keys ...string) {
		var sources []string
		for _, key := range keys {
			sources = append(sources, fmt.Sprintf(`{"Bucket":"source","Key":%q}`, key))
		}
		told := s.do(`root POST /v1/jobs {"Type":"IMPORT_ASSETS_FROM_S3","Details":{"ImportAssetsFromS3":{"DataSetId":"ID1","RevisionId":"ID2","AssetSources":[` + strings.Join(sources, ",") + `]}}}`)
		if !strings.HasPrefix(told[0], "201 ") {
			t.Fatal(told)
		}
	}
	for n := range 10 {
		create(fmt.Sprint("object", n))
	}
	create(strings.Repeat("k", 500), strings.Repeat("l", 500), strings.Repeat("m", 500))
	get := func(path string) string {
		status, fault, body := s.talk(s.exchange(s.root, http.MethodGet, s.real(path), ""))
		if status != http.StatusOK {
			t.Fatal(status, fault, body)
		}
		return body
	}
	counted.jobs.Store(0)
	page := get("/v1/jobs?dataSetId=ID1")
	if n := counted.jobs.Load(); n != 1 {
		t.Errorf("of 11 listed jobs %d were asked for, want the one with a long list", n)
	}
	for n := range 11 {
		job := get(fmt.Sprint("/v1/jobs/ID", n+3))
		if !strings.Contains(page, job) {
			t.Errorf("the list has not the job as it is: %s", job)
		}
	}
}
