package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	buckets "heddle/internal/bucket"
	"heddle/internal/dataexchange"
	"heddle/internal/dataexchange/catalog"
	dxwire "heddle/internal/dataexchange/wire"
	"heddle/test/golden"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// How ARNs of Data Exchange begin: those of the default account, of the other one, and of
// what is entitled. Stories write them ARN:, THERE: and ENTITLED:.
var (
	exchangeARN  = "arn:aws:dataexchange:" + defaults.Region + ":" + defaults.Account + ":"
	exchangeARNs = [...][2]string{
		{"ARN:", exchangeARN}, {"THERE:", "arn:aws:dataexchange:" + defaults.Region + ":" + other + ":"}, {"ENTITLED:", "arn:aws:dataexchange:" + defaults.Region + "::"},
	}
)

// exchangeStory plays calls of Data Exchange. A line has who calls, method, path and body;
// the answer stands beneath. Others are:
//
//	user NAME STATEMENTS      gives a name to a caller with a policy
//	theirs NAME STATEMENTS    the same, of the other account
//	bucket NAME               makes a bucket
//	object BUCKET KEY TEXT    puts an object
//	objects BUCKET            tells what is in it
//	arrived BUCKET N          waits until there are so many objects in it
//	met                       waits until somebody has met with that
//	upload JOB TEXT           puts bytes to the signed URL of a job
//	download JOB              gets those of another
//	started SET               waits until a job of a data set is in progress
//	settled SET               waits until no job of a data set is in progress
//	refuse BUCKET, allow      it may be written to no more, or again
//	unreachable, reachable    no bucket answers, or all do again
//	ended JOB                 waits until a job is in progress no more, and gets it
//	exported SET ACTION       waits until the job of an event action has ended, and gets it
//	as NAME                   whose jobs the other lines wait for and get from now on
//
// The root user of the other account is called there. Ids are called by the order in which they come, so that a later line can say them: ID1. NONE
// is the id of nothing.
type exchangeStory struct {
	*harness
	buckets *buckets.Memory
	keys    map[string]aws.Credentials
	waits   aws.Credentials // who waits for jobs
	ids     []string
	shown   map[string]bool         // actions with the fault that they gave, or nothing
	cut     *atomic.Bool            // no bucket is reached
	met     *atomic.Int64           // how often that was met
	refused *atomic.Pointer[string] // the bucket into which nobody may put; nil: none
}

// refusing are buckets of which one may refuse what is put into it.
type refusing struct {
	*buckets.Memory
	bucket *atomic.Pointer[string]
}

// Put is part of bucket.Store.
func (r refusing) Put(ctx context.Context, p *buckets.Put) (buckets.Object, error) {
	if name := r.bucket.Load(); name != nil && *name == p.Bucket {
		return buckets.Object{}, buckets.Denied("PutObject", p.Bucket, p.Key, "Access Denied")
	}
	return r.Memory.Put(ctx, p)
}

func newExchangeStory(t *testing.T, limits ...func(*catalog.Limits)) *exchangeStory {
	services := Services()
	for _, s := range services {
		if o, ours := s.Options.(*dataexchange.Options); ours {
			o.OwnedEventActions, o.ReportEvery = true, 1
			l := &o.Limits
			l.DataSetsMax, l.RevisionsMax, l.AssetsMax, l.EventActionsMax, l.DataSetActionsMax, l.ExportJobsMax = 3, 3, 3, 3, 2, 1
			l.GrantsMax, l.PendingGrantsMax = 4, 2
			for _, set := range limits {
				set(l)
			}
		}
	}
	cut, met := &atomic.Bool{}, &atomic.Int64{}
	memory := &buckets.Memory{Fail: func(s buckets.Step) error {
		if s != buckets.StepList && cut.Load() {
			met.Add(1)
			return &buckets.Error{Kind: buckets.ErrTemporary, Operation: "GetObject", Code: "SlowDown", Message: "Please reduce your request rate."}
		}
		return nil
	}}
	cfg := Config{Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), Services: services, Accounts: []string{other}}
	refused := &atomic.Pointer[string]{}
	cfg.buckets = func(string) buckets.Store { return refusing{memory, refused} }
	cfg.Log = slog.New(slog.NewTextHandler(complaints{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	s := &exchangeStory{harness: &harness{t, start(t, cfg), rootKey(t, cfg.Data)}, buckets: memory, shown: map[string]bool{}, cut: cut, met: met, refused: refused}
	s.keys = map[string]aws.Credentials{"root": s.root, "there": rootKeyOf(t, cfg.Data, other)}
	s.waits = s.root
	return s
}

var (
	exchangeTime  = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`)
	exchangeID    = regexp.MustCompile(`\b[0-9a-f]{32}\b`)
	exchangeURL   = regexp.MustCompile(`"SignedUrl":"([^"]+)"`)
	exchangeSum   = regexp.MustCompile(`\b[0-9a-f]{64}\b`) // of what has no MD5, another in each store
	exchangeToken = regexp.MustCompile(`"NextToken":"[^"]+"`)
	storyID       = regexp.MustCompile(`ID\d+`)
)

// exchange is a call of Data Exchange.
func (h *harness) exchange(key aws.Credentials, method, path, body string) *http.Request {
	k := &knock{key: key, service: "dataexchange", region: defaults.Region, at: time.Now(), method: method, body: body, header: http.Header{}}
	if body != "" {
		k.header.Set("Content-Type", "application/json")
	}
	path, k.query, _ = strings.Cut(path, "?")
	k.path = path
	return h.request(k)
}

// talk sends a request, and gives its status, its fault and its body.
func (h *harness) talk(r *http.Request) (status int, fault, body string) {
	h.t.Helper()
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	if w.Header.Get("X-Amzn-Requestid") == "" {
		h.t.Errorf("%s %s: an answer without a request id", r.Method, r.URL)
	}
	return w.StatusCode, w.Header.Get("X-Amzn-Errortype"), string(b)
}

// real puts ids in the place of what the story calls them.
func (s *exchangeStory) real(text string) string {
	for _, prefix := range exchangeARNs {
		text = strings.ReplaceAll(strings.ReplaceAll(text, prefix[0], prefix[1]), strings.Replace(prefix[0], ":", "%3A", 1), strings.ReplaceAll(prefix[1], ":", "%3A"))
	}
	const scope = `"GrantDistributionScope":"NONE"` // is no id
	parts := strings.Split(text, scope)
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], "NONE", strings.Repeat("0", 32))
	}
	text = strings.Join(parts, scope)
	return storyID.ReplaceAllStringFunc(text, func(name string) string {
		var n int
		fmt.Sscanf(name, "ID%d", &n)
		if n < 1 || n > len(s.ids) {
			s.t.Errorf("nothing is called %s", name)
			return name
		}
		return s.ids[n-1]
	})
}

// told is the opposite.
func (s *exchangeStory) told(text string) string {
	text = exchangeTime.ReplaceAllString(text, "T")
	text = exchangeURL.ReplaceAllString(text, `"SignedUrl":"U"`)
	text = exchangeToken.ReplaceAllString(text, `"NextToken":"N"`)
	text = exchangeID.ReplaceAllStringFunc(text, func(id string) string {
		if strings.Trim(id, "0") == "" {
			return "NONE"
		}
		n := slices.Index(s.ids, id)
		if n < 0 {
			s.ids = append(s.ids, id)
			n = len(s.ids) - 1
		}
		return fmt.Sprint("ID", n+1)
	})
	for _, prefix := range exchangeARNs {
		text = strings.ReplaceAll(text, prefix[1], prefix[0])
	}
	return text
}

func (s *exchangeStory) do(line string) []string {
	who, rest, _ := strings.Cut(line, " ")
	first, rest, _ := strings.Cut(rest, " ")
	switch who {
	case "user", "theirs":
		var statements []string
		if rest != "" {
			statements = strings.Split(s.real(rest), " + ")
		}
		owner := s.harness
		if who == "theirs" {
			owner = &harness{s.t, s.Server, s.keys["there"]}
		}
		s.keys[first] = owner.user(first, statements...)
		return nil
	case "bucket":
		s.buckets.Make(first)
		return nil
	case "object":
		key, text, _ := strings.Cut(rest, " ")
		p := &buckets.Put{Bucket: first, Key: key, ContentType: "text/plain", Source: buckets.Bytes(text), Size: int64(len(text))}
		if _, err := s.buckets.Put(s.t.Context(), p); err != nil {
			s.t.Fatal(err)
		}
		return nil
	case "objects":
		return s.objects(first)
	case "started":
		for began := time.Now(); ; {
			_, _, body := s.talk(s.exchange(s.waits, http.MethodGet, "/v1/jobs?dataSetId="+s.real(first), ""))
			if strings.Contains(body, `"`+dxwire.StateInProgress+`"`) {
				return nil
			}
			if time.Since(began) > deadline {
				s.t.Fatalf("no job begins: %s", body)
			}
		}
	case "settled":
		for began := time.Now(); ; {
			_, _, body := s.talk(s.exchange(s.waits, http.MethodGet, "/v1/jobs?dataSetId="+s.real(first), ""))
			if !strings.Contains(body, `"`+dxwire.StateInProgress+`"`) {
				return nil
			}
			if time.Since(began) > deadline {
				s.t.Fatalf("jobs do not end: %s", body)
			}
		}
	case "refuse":
		s.refused.Store(&first)
		return nil
	case "allow":
		s.refused.Store(nil)
		return nil
	case "upload":
		return s.byURL(http.MethodPut, first, rest)
	case "download":
		return s.byURL(http.MethodGet, first, "")
	case "met":
		for began := time.Now(); s.met.Load() == 0; runtime.Gosched() {
			if time.Since(began) > deadline {
				s.t.Fatal("nobody asks for a bucket")
			}
		}
		return nil
	case "unreachable", "reachable":
		s.met.Store(0)
		s.cut.Store(who == "unreachable")
		return nil
	case "arrived":
		s.arrived(first, rest)
		return nil
	case "as":
		s.waits = s.keys[first]
		return nil
	case "ended":
		return s.ended("/v1/jobs/"+first, func(body []byte) string { return stateOf(s.t, body) })
	case "exported":
		return s.exported(first, s.real(rest))
	}
	method := first
	path, body, _ := strings.Cut(rest, " ")
	status, fault, answer := s.talk(s.exchange(s.keys[who], method, s.real(path), s.real(body)))
	if status >= 300 && fault == "" && actionOf(method, path) != "" {
		s.t.Errorf("%s: status %d without a fault", line, status)
	}
	s.shown[actionOf(method, path)+" "+fault] = true
	if status == http.StatusCreated { // lists go by the time, in milliseconds
		for now := s.clock.Now(); s.clock.Now() == now; {
			runtime.Gosched()
		}
	}
	return []string{strings.TrimSpace(fmt.Sprintf("%d %s", status, strings.TrimSpace(fault+" "+s.told(answer))))}
}

func stateOf(t *testing.T, job []byte) string {
	var j struct{ State string }
	if err := json.Unmarshal(job, &j); err != nil {
		t.Fatal(err)
	}
	return j.State
}

// actionOf names the operation that a method and a path call.
func actionOf(method, path string) string {
	path, _, _ = strings.Cut(path, "?")
	parts := strings.Split(path, "/")
	for _, o := range dxwire.Operations {
		if o.Method == method && slices.EqualFunc(strings.Split(o.URI, "/"), parts, func(pattern, part string) bool {
			return pattern == part || strings.HasPrefix(pattern, "{") && part != ""
		}) {
			return o.Name
		}
	}
	return ""
}

// ended asks again and again until nothing is waited for any more.
func (s *exchangeStory) ended(path string, state func(body []byte) string) []string {
	for began := time.Now(); ; {
		status, _, body := s.talk(s.exchange(s.waits, http.MethodGet, s.real(path), ""))
		if status != http.StatusOK {
			s.t.Fatalf("%s: %d %s", path, status, body)
		}
		if now := state([]byte(body)); now != dxwire.StateInProgress && now != dxwire.StateWaiting {
			return []string{s.told(body)}
		}
		if time.Since(began) > deadline {
			s.t.Fatalf("%s does not end: %s", path, body)
		}
	}
}

// exported waits for the job of an event action of a data set, and for its end.
func (s *exchangeStory) exported(set, action string) []string {
	for began := time.Now(); time.Since(began) < deadline; {
		_, _, body := s.talk(s.exchange(s.waits, http.MethodGet, "/v1/jobs?dataSetId="+s.real(set), ""))
		var list struct {
			Jobs []struct {
				ID      string
				Details struct {
					ExportRevisionsToS3 struct{ EventActionARN string }
				}
			}
		}
		if err := json.Unmarshal([]byte(body), &list); err != nil {
			s.t.Fatal(err)
		}
		for _, j := range list.Jobs {
			if j.Details.ExportRevisionsToS3.EventActionARN == action {
				return s.ended("/v1/jobs/"+j.ID, func(body []byte) string { return stateOf(s.t, body) })
			}
		}
	}
	s.t.Fatalf("%s has no job", action)
	return nil
}

// arrived waits until there are n objects in a bucket.
func (s *exchangeStory) arrived(name, n string) {
	for began := time.Now(); ; {
		found := 0
		if err := s.buckets.List(s.t.Context(), name, "", "", func(buckets.Object) bool {
			found++
			return true
		}); err != nil {
			s.t.Fatal(err)
		}
		if fmt.Sprint(found) == n {
			return
		}
		if time.Since(began) > deadline {
			s.t.Fatalf("%d objects arrived in %s, want %s", found, name, n)
		}
		runtime.Gosched()
	}
}

func (s *exchangeStory) objects(name string) (told []string) {
	var keys []string
	if err := s.buckets.List(s.t.Context(), name, "", "", func(o buckets.Object) bool {
		keys = append(keys, o.Key)
		return true
	}); err != nil {
		s.t.Fatal(err)
	}
	for _, key := range keys {
		o, r, err := s.buckets.Get(s.t.Context(), name, key, buckets.Range{})
		if err != nil {
			s.t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			s.t.Fatal(err)
		}
		line := fmt.Sprintf("%s %s %q %s %s", s.told(`"`+key+`"`), o.ContentType, b, o.Encryption.Type, o.Encryption.KeyARN)
		told = append(told, strings.TrimSpace(regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`).ReplaceAllString(line, "T")))
	}
	slices.Sort(told) // ids are by chance
	return told
}

// byURL sends a request to the signed URL of a job, and tells the answer.
func (s *exchangeStory) byURL(method, job, text string) []string {
	_, _, body := s.talk(s.exchange(s.waits, http.MethodGet, "/v1/jobs/"+s.real(job), ""))
	address := exchangeURL.FindStringSubmatch(body)
	if address == nil {
		s.t.Fatalf("job %s has no signed URL: %s", job, body)
	}
	if host, _, _ := strings.Cut(address[1], "/_dx/"); host != s.URL() {
		s.t.Errorf("a signed URL leads to %s", address[1])
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, address[1], strings.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return []string{strings.TrimSpace(fmt.Sprintf("%d %s %s", w.StatusCode, exchangeSum.ReplaceAllString(w.Header.Get("Etag"), "E"), strings.ReplaceAll(string(b), "\n", "")))}
}

// TestExchangeStories plays testdata/dataexchange/*.txt. Together they show of each action
// its success, and each fault that the model declares.
func TestExchangeStories(t *testing.T) {
	shown := map[string]bool{}
	files := golden.Each(t, "testdata/dataexchange/*.txt", func(t *testing.T, text string) string {
		s := newExchangeStory(t)
		told := golden.Lines(text, s.do)
		maps.Copy(shown, s.shown)
		return told
	})
	if len(shown) == 0 || files == 0 {
		t.Skip("some stories were left out")
	}
	for _, op := range dxwire.Operations {
		if never := slices.Contains(notExchanged[""], op.Name); never == shown[op.Name+" "] {
			t.Errorf("a story shows that %s succeeds: %v, want %v", op.Name, never, !never)
		}
		for _, f := range op.Faults {
			if f == dxwire.CodeThrottlingException || f == dxwire.CodeInternalServerException || f == dxwire.CodeAccessDeniedException || f == dxwire.CodeValidationException {
				continue // of every action, or of those that take something wrong
			}
			if never := slices.Contains(notExchanged[op.Name], f); never == shown[op.Name+" "+f] {
				t.Errorf("%s of %s: a story shows it: %v, want %v", f, op.Name, never, !never)
			}
		}
	}
}

// notExchanged are the actions that never succeed (""), and the faults that the model
// declares of an action, which it does not give.
var notExchanged = map[string][]string{
	"":                        {"SendApiAsset", "SendDataSetNotification"},
	"ListDataGrants":          {dxwire.CodeResourceNotFoundException}, // a list is about nothing
	"ListReceivedDataGrants":  {dxwire.CodeResourceNotFoundException},
	"ListDataSets":            {dxwire.CodeResourceNotFoundException},
	"ListEventActions":        {dxwire.CodeResourceNotFoundException},
	"ListJobs":                {dxwire.CodeResourceNotFoundException},
	"SendApiAsset":            {dxwire.CodeResourceNotFoundException}, // it is not offered
	"SendDataSetNotification": {dxwire.CodeConflictException},
}

// TestExchangeLeavesNoUploads: what was sent of a large object is thrown away when its job
// ends in an error.
func TestExchangeLeavesNoUploads(t *testing.T) {
	s := newExchangeStory(t)
	s.buckets.PartBytes = 1000
	var parts atomic.Int64
	fail := s.buckets.Fail
	s.buckets.Fail = func(step buckets.Step) error {
		if step == buckets.StepPart && parts.Add(1) > 2 {
			return buckets.Denied("UploadPart", "target", "large", "Access Denied")
		}
		return fail(step)
	}
	for _, line := range []string{
		"bucket source", "bucket target",
		`root POST /v1/data-sets {"Name":"n","Description":"d","AssetType":"S3_SNAPSHOT"}`,
		`root POST /v1/data-sets/ID1/revisions {}`,
	} {
		s.do(line)
	}
	body := strings.Repeat("x", 900)
	s.do("object source large " + body)
	s.do(`root POST /v1/jobs {"Type":"IMPORT_ASSETS_FROM_S3","Details":{"ImportAssetsFromS3":{"DataSetId":"ID1","RevisionId":"ID2","AssetSources":[{"Bucket":"source","Key":"large"}]}}}`)
	s.do("root PATCH /v1/jobs/ID3")
	s.do("ended ID3")
	s.do("root GET /v1/data-sets/ID1/revisions/ID2/assets")
	s.buckets.PartBytes = 100
	s.do(`root POST /v1/jobs {"Type":"EXPORT_ASSETS_TO_S3","Details":{"ExportAssetsToS3":{"DataSetId":"ID1","RevisionId":"ID2","AssetDestinations":[{"AssetId":"ID4","Bucket":"target"}]}}}`)
	s.do("root PATCH /v1/jobs/ID5")
	got := s.do("ended ID5")[0]
	if !strings.Contains(got, `"Code":"ACCESS_DENIED_EXCEPTION"`) || parts.Load() != 3 {
		t.Errorf("after %d parts: %s", parts.Load(), got)
	}
	for began := time.Now(); s.buckets.Uploads() != 0; runtime.Gosched() { // the job was told first
		if time.Since(began) > deadline {
			t.Fatalf("%d uploads are left", s.buckets.Uploads())
		}
	}
}

// TestExchangeReopened: a revision that is opened again while it is being exported, changed and
// closed has other assets at other places; what the export has done before does not count.
func TestExchangeReopened(t *testing.T) {
	s := newExchangeStory(t)
	var puts atomic.Int64
	fail := s.buckets.Fail
	for _, line := range []string{
		"bucket source", "bucket target", "object source a one", "object source b two", "object source c three",
		`root POST /v1/data-sets {"Name":"n","Description":"d","AssetType":"S3_SNAPSHOT"}`,
		`root POST /v1/data-sets/ID1/revisions {}`,
		`root POST /v1/jobs {"Type":"IMPORT_ASSETS_FROM_S3","Details":{"ImportAssetsFromS3":{"DataSetId":"ID1","RevisionId":"ID2","AssetSources":[{"Bucket":"source","Key":"a"},{"Bucket":"source","Key":"b"},{"Bucket":"source","Key":"c"}]}}}`,
		"root PATCH /v1/jobs/ID3",
		"ended ID3",
		`root POST /v1/event-actions {"Action":{"ExportRevisionToS3":{"RevisionDestination":{"Bucket":"target","KeyPattern":"${Asset.Name}"}}},"Event":{"RevisionPublished":{"DataSetId":"ID1"}}}`,
	} {
		s.do(line)
	}
	s.buckets.Fail = func(step buckets.Step) error {
		if step == buckets.StepPut && puts.Add(1) > 1 {
			s.met.Add(1)
			return &buckets.Error{Kind: buckets.ErrTemporary, Operation: "PutObject", Code: "SlowDown", Message: "Please reduce your request rate."}
		}
		return fail(step)
	}
	s.do(`root PATCH /v1/data-sets/ID1/revisions/ID2 {"Finalized":true}`)
	s.do("met")
	s.do(`root PATCH /v1/data-sets/ID1/revisions/ID2 {"Finalized":false}`)
	assets := s.do("root GET /v1/data-sets/ID1/revisions/ID2/assets")[0]
	first := regexp.MustCompile(`"Id":"(ID\d+)","Name":"a"`).FindStringSubmatch(assets)
	if first == nil {
		t.Fatal(assets)
	}
	s.do("root DELETE /v1/data-sets/ID1/revisions/ID2/assets/" + first[1])
	s.do(`root PATCH /v1/data-sets/ID1/revisions/ID2 {"Finalized":true}`)
	puts.Store(-1 << 40)
	s.do("exported ID1 ARN:event-actions/ID4")
	for _, want := range []string{`"b" text/plain "two"`, `"c" text/plain "three"`} {
		if got := s.do("objects target"); !slices.Contains(got, want) {
			t.Errorf("%s is not there: %q", want, got)
		}
	}
}

// TestExportEndsWithItsGrant: a job that exports what is entitled puts no asset any more after
// the grant was taken back but those that it was putting.
func TestExportEndsWithItsGrant(t *testing.T) {
	const assets = 30
	s := newExchangeStory(t, func(l *catalog.Limits) { l.AssetsMax = assets })
	begun, goes := make(chan struct{}, assets), make(chan struct{})
	fail := s.buckets.Fail
	var sources []string
	s.do("bucket source")
	s.do("bucket target")
	for i := range assets {
		s.do(fmt.Sprintf("object source %02d x", i))
		sources = append(sources, fmt.Sprintf(`{"Bucket":"source","Key":"%02d"}`, i))
	}
	for _, line := range []string{
		`root POST /v1/data-sets {"Name":"n","Description":"d","AssetType":"S3_SNAPSHOT"}`,
		`root POST /v1/data-sets/ID1/revisions {}`,
		`root POST /v1/jobs {"Type":"IMPORT_ASSETS_FROM_S3","Details":{"ImportAssetsFromS3":{"DataSetId":"ID1","RevisionId":"ID2","AssetSources":[` + strings.Join(sources, ",") + `]}}}`,
		`root PATCH /v1/jobs/ID3`, `ended ID3`,
	} {
		s.do(line)
	}
	for began := time.Now(); !strings.HasPrefix(s.do(`root PATCH /v1/data-sets/ID1/revisions/ID2 {"Finalized":true}`)[0], "200"); {
		if time.Since(began) > deadline {
			t.Fatal("the import does not end")
		}
	}
	for _, line := range []string{
		`root POST /v1/data-grants {"Name":"g","GrantDistributionScope":"NONE","ReceiverPrincipal":"111122223333","SourceDataSetId":"ID1"}`,
		`there POST /v1/data-grants/ARN%3Adata-grants%2FID4/accept`,
		`there GET /v1/data-sets/ID5/revisions`,
		`there POST /v1/jobs {"Type":"EXPORT_REVISIONS_TO_S3","Details":{"ExportRevisionsToS3":{"DataSetId":"ID5","RevisionDestinations":[{"RevisionId":"ID6","Bucket":"target"}]}}}`,
	} {
		s.do(line)
	}
	s.buckets.Fail = func(step buckets.Step) error {
		if step == buckets.StepPut {
			begun <- struct{}{}
			<-goes
		}
		return fail(step)
	}
	s.do("as there")
	s.do("there PATCH /v1/jobs/ID7")
	<-begun
	s.do("root DELETE /v1/data-grants/ID4")
	close(goes)
	got := s.do("ended ID7")[0]
	if put := len(s.objects("target")); !strings.Contains(got, `"Code":"ACCESS_DENIED_EXCEPTION"`) || put == 0 || put > 4 {
		t.Errorf("%d objects were put: %s", put, got)
	}
}
