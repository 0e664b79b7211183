// Package layout keeps the shape of the source tree: who may import whom, that
// every package says what it is for, that only the server reads a clock, and that
// only internal/swf speaks of SWF. It parses the files, so that Go's test cache sees
// every change.
package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// arrows are the imports inside the module that each package may have; test files
// may have more. A package that is not here may import nothing of ours.
var arrows = map[string][]string{
	"cmd/heddle": {
		"internal/archive", "internal/backup", "internal/bucket/place", "internal/console/command", "internal/console/terminal", "internal/diagnose", "internal/operator/seed", "internal/options",
		"internal/rootkey", "internal/sealing", "internal/server", "internal/service", "internal/sfn/rehearsal",
	},
	"cmd/flowcheck": {"flow/flowcheck"},
	// What users write workflows with needs nothing of ours: only its test environment does.
	"flow":                     {"flow/internal/replay", "flow/internal/wire"},
	"flow/flowcheck":           {},
	"flow/flowkms":             {},
	"flow/flowotel":            {"flow"},
	"flow/flows3":              {},
	"flow/flowtest":            {"flow", "heddletest"},
	"flow/internal/replay":     {},
	"flow/internal/wire":       {},
	"flow/internal/wire/gen":   {},
	"internal/archive":         {"internal/bucket", "internal/bucket/place", "internal/engine", "internal/runlog", "internal/store", "internal/store/keys"},
	"internal/audit":           {"internal/secretfile"},
	"internal/aws/authn":       {"internal/aws/credentials", "internal/aws/fault", "internal/aws/sigv4"},
	"internal/aws/awsjson":     {"internal/aws/fault", "internal/aws/operation"},
	"internal/aws/awsquery":    {"internal/aws/fault", "internal/aws/operation"},
	"internal/aws/credentials": {"internal/secretfile"},
	"internal/aws/eventbridge": {"internal/aws/shape"},
	"internal/aws/gen":         {"internal/aws/gen/emit"},
	"internal/aws/gen/gentest": {"internal/aws/gen/emit"},
	"internal/aws/operation":   {"internal/aws/fault", "internal/aws/policy"},
	"internal/aws/policy":      {"internal/aws/arn"},
	"internal/aws/restjson":    {"internal/aws/fault", "internal/aws/operation"},
	"internal/aws/sdk":         {"jsonvalue"},
	"internal/backup":          {"internal/blob", "internal/bucket", "internal/bucket/place", "internal/secretfile"},
	"internal/blob/dir":        {"internal/blob"},
	"internal/blob/s3":         {"internal/aws/s3client", "internal/blob"},
	"internal/bucket/accounts": {"internal/aws/credentials", "internal/aws/s3client", "internal/bucket", "internal/bucket/dir", "internal/bucket/s3"},
	"internal/bucket/dir":      {"internal/bucket", "internal/pack"},
	"internal/bucket/place":    {"internal/aws/s3client", "internal/bucket", "internal/bucket/dir", "internal/bucket/s3"},
	"internal/bucket/s3":       {"internal/aws/s3client", "internal/bucket", "internal/pack"},
	"internal/cluster":         {"internal/engine", "internal/matching", "internal/shard", "internal/store"},
	"internal/cluster/link":    {},
	"internal/cluster/wire":    {},
	"internal/console/client":  {},
	"internal/console/command": {
		"internal/console/client", "internal/console/past", "internal/console/replay", "internal/console/terminal", "internal/console/top", "internal/engine",
		"internal/operator/wire", "internal/swf/history",
	},
	"internal/console/flowchart": {},
	"internal/console/past": {
		"internal/console/client", "internal/console/timeline", "internal/diagnose", "internal/engine", "internal/operator/wire", "internal/sfn/history",
		"internal/swf/history",
	},
	"internal/console/replay":       {"internal/diagnose"},
	"internal/console/terminal":     {"internal/console/past", "internal/console/timeline", "internal/diagnose", "internal/engine", "internal/operator/wire"},
	"internal/console/timeline":     {"internal/engine"},
	"internal/console/top":          {"internal/console/terminal", "internal/operator/wire"},
	"internal/console/ui":           {},
	"internal/console/ui/vendoring": {},
	"internal/console/view": {
		"internal/console/flowchart", "internal/console/timeline", "internal/diagnose", "internal/engine", "internal/operator/wire", "internal/sfn/history",
		"internal/sfn/outline", "internal/sfn/wire", "internal/swf/history", "internal/swf/wire",
	},
	"internal/console/web": {
		"internal/aws/arn", "internal/aws/authn", "internal/aws/credentials", "internal/aws/fault", "internal/aws/operation", "internal/console/past",
		"internal/console/timeline", "internal/console/ui", "internal/console/view", "internal/diagnose", "internal/engine", "internal/iam/account", "internal/operator/wire", "internal/pack",
		"internal/sfn/wire", "internal/swf/wire", "internal/token",
	},
	"internal/dataexchange": {
		"internal/aws/arn", "internal/aws/fault", "internal/aws/operation", "internal/aws/policy", "internal/aws/restjson", "internal/blob", "internal/bucket",
		"internal/dataexchange/catalog", "internal/dataexchange/keypattern", "internal/dataexchange/permission", "internal/dataexchange/resource",
		"internal/dataexchange/signedurl", "internal/dataexchange/transfer", "internal/dataexchange/wire", "internal/engine", "internal/engine/collection",
		"internal/listen", "internal/matching", "internal/pack", "internal/service", "internal/service/tasks", "internal/token", "internal/visibility",
	},
	"internal/dataexchange/catalog": {
		"internal/aws/eventbridge", "internal/aws/shape", "internal/blob", "internal/dataexchange/keypattern", "internal/dataexchange/resource",
		"internal/dataexchange/wire", "internal/engine", "internal/engine/collection", "internal/options", "internal/pack",
	},
	"internal/dataexchange/permission": {"internal/aws/arn", "internal/aws/policy", "internal/dataexchange/resource", "internal/dataexchange/wire"},
	"internal/dataexchange/resource":   {"internal/aws/arn"},
	"internal/dataexchange/signedurl":  {"internal/blob", "internal/dataexchange/transfer", "internal/engine", "internal/pack", "internal/token"},
	"internal/dataexchange/transfer":   {"internal/blob", "internal/bucket"},
	"internal/dataexchange/wire":       {"internal/aws/restjson", "internal/aws/shape"},
	"internal/diagnose":                {"internal/engine"},
	"internal/engine":                  {"internal/blob", "internal/pack"},
	"internal/engine/collection":       {"internal/engine", "internal/pack"},
	"internal/engine/task":             {"internal/engine", "internal/pack"},
	"internal/events": {
		"internal/aws/awsjson", "internal/aws/fault", "internal/aws/operation", "internal/aws/policy", "internal/engine", "internal/events/connection",
		"internal/events/registry", "internal/events/wire", "internal/pack", "internal/service", "internal/service/tasks", "internal/token",
	},
	"internal/events/connection": {"internal/aws/arn", "internal/engine", "internal/secretfile"},
	"internal/events/registry":   {"internal/aws/arn", "internal/engine", "internal/engine/collection", "internal/pack"},
	"internal/events/wire":       {"internal/aws/shape"},
	"internal/iam": {
		"internal/aws/arn", "internal/aws/awsquery", "internal/aws/credentials", "internal/aws/fault", "internal/aws/operation", "internal/aws/policy",
		"internal/aws/throttle", "internal/engine", "internal/iam/account", "internal/iam/stswire", "internal/iam/wire", "internal/service",
	},
	"internal/iam/account": {"internal/aws/arn", "internal/aws/credentials", "internal/aws/policy", "internal/engine", "internal/engine/collection", "internal/pack"},
	"internal/iam/stswire": {"internal/aws/awsquery", "internal/aws/shape"},
	"internal/iam/wire":    {"internal/aws/awsquery", "internal/aws/shape"},
	"internal/kms": {
		"internal/aws/arn", "internal/aws/awsjson", "internal/aws/fault", "internal/aws/operation", "internal/aws/policy", "internal/aws/throttle", "internal/engine",
		"internal/iam/account", "internal/kms/datakey", "internal/kms/keyring", "internal/kms/outside", "internal/kms/wire", "internal/matching", "internal/pack",
		"internal/service", "internal/service/tasks", "internal/token",
	},
	"internal/kms/datakey": {"internal/aws/policy", "internal/engine", "internal/iam/account", "internal/pack"},
	"internal/kms/keyring": {"internal/aws/arn", "internal/engine", "internal/engine/collection", "internal/pack"},
	"internal/kms/outside": {"internal/kms/datakey", "internal/rootkey"},
	"internal/kms/wire":    {"internal/aws/shape"},
	"internal/lambda":      {"internal/aws/arn", "internal/engine", "internal/fair", "internal/matching", "internal/outbound", "internal/tracing"},
	"internal/listen":      {"internal/secretfile"},
	"internal/live":        {"internal/engine"},
	"internal/matching":    {"internal/engine"},
	"internal/metrics":     {"internal/aws/operation", "internal/engine", "internal/matching"},
	"internal/notify":      {"internal/aws/arn", "internal/aws/credentials", "internal/aws/eventbridge", "internal/aws/shape", "internal/engine", "internal/secretfile"},
	"internal/operator": {
		"internal/aws/arn", "internal/aws/awsjson", "internal/aws/fault", "internal/aws/operation", "internal/aws/policy", "internal/aws/throttle", "internal/diagnose",
		"internal/aws/credentials", "internal/engine", "internal/engine/collection", "internal/iam/account", "internal/live", "internal/matching", "internal/notify",
		"internal/operator/batch", "internal/operator/wire", "internal/pack", "internal/service", "internal/service/tasks", "internal/token",
	},
	"internal/operator/seed":  {"internal/aws/credentials"},
	"internal/operator/batch": {"internal/engine", "internal/engine/collection", "internal/pack"},
	"internal/operator/wire":  {"internal/aws/shape"},
	"internal/outbound":       {"internal/engine", "internal/fair", "internal/matching"},
	"internal/rootkey":        {"internal/secretfile"},
	"internal/runlog":         {"internal/engine", "internal/pack", "internal/store", "internal/store/keys"},
	"internal/sealing":        {"internal/audit", "internal/rootkey", "internal/secretfile", "internal/store", "internal/store/pebblestore", "internal/store/sealed"},
	"internal/server": {
		"internal/archive", "internal/audit", "internal/aws/arn", "internal/aws/authn", "internal/aws/awsjson", "internal/aws/awsquery", "internal/aws/credentials", "internal/aws/fault",
		"internal/aws/operation", "internal/aws/policy", "internal/aws/restjson", "internal/aws/s3client", "internal/aws/throttle", "internal/backup", "internal/blob",
		"internal/blob/dir", "internal/blob/s3", "internal/bucket", "internal/bucket/accounts", "internal/bucket/place", "internal/cluster", "internal/cluster/link", "internal/cluster/wire", "internal/console/web", "internal/dataexchange", "internal/dataexchange/signedurl",
		"internal/diagnose", "internal/engine", "internal/engine/collection", "internal/engine/task", "internal/events", "internal/events/connection", "internal/fair", "internal/iam", "internal/iam/account", "internal/kms", "internal/kms/datakey", "internal/lambda", "internal/lifecycle",
		"internal/listen", "internal/live", "internal/matching", "internal/metrics", "internal/notify", "internal/operator", "internal/options",
		"internal/outbound", "internal/runlog", "internal/sealing", "internal/secretfile", "internal/series", "internal/service", "internal/sfn",
		"internal/shard", "internal/store", "internal/store/keys",
		"internal/store/memstore", "internal/store/pebblestore", "internal/store/pgstore", "internal/swf", "internal/token", "internal/visibility",
	},
	"internal/service": {
		"internal/archive", "internal/aws/arn", "internal/aws/operation", "internal/aws/policy", "internal/aws/throttle", "internal/blob", "internal/bucket", "internal/diagnose",
		"internal/engine", "internal/events/connection", "internal/iam/account", "internal/kms/datakey", "internal/lambda", "internal/lifecycle", "internal/live", "internal/matching",
		"internal/notify", "internal/runlog", "internal/token", "internal/visibility",
	},
	"internal/service/tasks": {
		"internal/aws/operation", "internal/engine", "internal/engine/task", "internal/fair", "internal/matching", "internal/pack", "internal/service", "internal/token", "internal/tracing",
	},
	"internal/sfn": {
		"internal/archive", "internal/aws/arn", "internal/aws/awsjson", "internal/aws/fault", "internal/aws/operation", "internal/aws/policy", "internal/aws/shape", "internal/aws/throttle",
		"internal/blob", "internal/bucket", "internal/diagnose", "internal/engine", "internal/engine/collection", "internal/engine/task", "internal/events/connection", "internal/iam/account", "internal/kms/datakey",
		"internal/aws/sdk", "internal/lambda", "internal/lifecycle", "internal/matching", "internal/outbound", "internal/pack", "internal/service",
		"internal/service/tasks", "internal/sfn/asl", "internal/sfn/execution", "internal/sfn/history", "internal/sfn/httptask", "internal/sfn/integration", "internal/sfn/itemreader",
		"internal/sfn/maprun", "internal/sfn/mock", "internal/sfn/permission", "internal/sfn/registry", "internal/sfn/reply", "internal/sfn/resource",
		"internal/sfn/wire", "internal/token", "internal/tracing", "internal/visibility", "jsonvalue",
	},
	"internal/sfn/asl": {"internal/blob", "internal/sfn/intrinsic", "internal/sfn/template", "jsonata", "jsonpath", "jsonvalue"},
	"internal/sfn/execution": {
		"internal/aws/eventbridge", "internal/aws/shape", "internal/blob", "internal/diagnose", "internal/engine", "internal/engine/task", "internal/options",
		"internal/pack", "internal/sfn/asl", "internal/sfn/registry", "internal/sfn/resource", "internal/tracing", "jsonvalue",
	},
	"internal/sfn/history":            {"internal/console/timeline", "internal/diagnose", "internal/engine"},
	"internal/sfn/httptask":           {"internal/events/connection", "jsonvalue"},
	"internal/sfn/integration":        {"internal/aws/arn", "internal/aws/credentials", "internal/aws/sdk", "jsonvalue"},
	"internal/sfn/intrinsic":          {"jsonpath", "jsonvalue"},
	"internal/sfn/itemreader":         {"internal/aws/arn", "internal/bucket", "internal/sfn/itemreader/parquet", "jsonvalue"},
	"internal/sfn/itemreader/parquet": {"jsonvalue"},
	"internal/sfn/maprun":             {"internal/blob", "internal/engine", "internal/engine/collection", "internal/pack", "internal/sfn/asl", "internal/sfn/execution", "jsonvalue"},
	"internal/sfn/mock":               {"internal/sfn/execution", "jsonvalue"},
	"internal/sfn/outline":            {},
	"internal/sfn/permission":         {"internal/aws/policy", "internal/sfn/resource", "internal/sfn/wire"},
	"internal/sfn/registry":           {"internal/blob", "internal/engine", "internal/engine/collection", "internal/options", "internal/pack"},
	"internal/sfn/rehearsal":          {"internal/aws/arn", "internal/engine", "internal/sfn/asl", "internal/sfn/execution", "internal/sfn/mock", "internal/sfn/resource", "jsonvalue"},
	"internal/sfn/reply":              {"jsonvalue"},
	"internal/sfn/resource":           {"internal/aws/arn"},
	"internal/sfn/template":           {"internal/sfn/intrinsic", "jsonpath", "jsonvalue"},
	"internal/sfn/wire":               {"internal/aws/shape"},
	"internal/shard":                  {"internal/blob", "internal/engine", "internal/runlog", "internal/store", "internal/store/keys"},
	"internal/store/memstore":         {"internal/store"},
	"internal/store/pebblestore":      {"internal/store"},
	"internal/store/pgstore":          {"internal/blob", "internal/store"},
	"internal/store/sealed":           {"internal/store"},
	"internal/swf": {
		"internal/archive", "internal/aws/arn", "internal/aws/awsjson", "internal/aws/fault", "internal/aws/operation", "internal/aws/policy",
		"internal/aws/throttle", "internal/diagnose", "internal/engine", "internal/iam/account", "internal/lambda", "internal/matching", "internal/outbound",
		"internal/pack", "internal/service", "internal/service/tasks", "internal/swf/execution", "internal/swf/history", "internal/swf/permission",
		"internal/swf/registry", "internal/swf/wire", "internal/token", "internal/tracing", "internal/visibility",
	},
	"internal/swf/execution": {
		"internal/aws/arn", "internal/aws/eventbridge", "internal/aws/shape", "internal/diagnose", "internal/engine", "internal/engine/task", "internal/options",
		"internal/pack", "internal/swf/wire", "internal/tracing",
	},
	"internal/swf/history":    {"internal/console/timeline", "internal/diagnose", "internal/engine"},
	"internal/swf/permission": {"internal/aws/arn", "internal/aws/policy", "internal/swf/wire"},
	"internal/swf/registry":   {"internal/engine", "internal/engine/collection", "internal/options", "internal/pack"},
	"internal/swf/wire":       {"internal/aws/shape"},
	"internal/token":          {"internal/engine"},
	"internal/tracing":        {"internal/aws/eventbridge", "internal/aws/shape", "internal/engine"},
	"internal/visibility":     {"internal/engine", "internal/store", "internal/store/keys"},
	"jsonata":                 {"jsonvalue"},
	"jsonpath":                {"jsonvalue"},
	"jsonvalue":               {},
	// No arrow leads to what serves tests alone.
	"internal/blob/blobtest":         {"internal/blob", "internal/blob/dir"},
	"internal/bucket/buckettest":     {"internal/bucket"},
	"internal/cluster/link/linktest": {},
	"internal/engine/enginetest":     {"internal/engine"},
	"internal/store/pgstore/pgtest":  {},
	"internal/store/storetest":       {"internal/store"},
	"internal/swf/wire/wiretest":     {"internal/aws/shape/shapetest"},
}

// kernel packages must not hear the words of any service.
var kernel = []string{"internal/token", "internal/blob", "internal/engine", "internal/runlog", "internal/shard", "internal/matching", "internal/visibility", "internal/store", "internal/pack"}

// file is a parsed source file of the module.
type file struct {
	path, pkg string // relative to the root
	test      bool
	ast       *ast.File
}

// files are all of the module, parsed once.
func files(t *testing.T) []file {
	t.Helper()
	if parsedFiles == nil {
		parsedFiles = parseFiles(t)
	}
	return parsedFiles
}

var parsedFiles []file

func parseFiles(t *testing.T) []file {
	t.Helper()
	var all []file
	set := token.NewFileSet()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch name := d.Name(); {
			case name == "node_modules", name == "testdata", strings.HasPrefix(name, ".") && name != "..":
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(p) != ".go" {
			return nil
		}
		parsed, err := parser.ParseFile(set, p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		all = append(all, file{rel, path.Dir(rel), strings.HasSuffix(rel, "_test.go"), parsed})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestImportsFollowTheArrows(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range files(t) {
		if _, known := arrows[f.pkg]; f.test || !known && !strings.HasPrefix(f.pkg, "internal/") && !strings.HasPrefix(f.pkg, "cmd/") && !strings.HasPrefix(f.pkg+"/", "flow/") {
			continue
		}
		seen[f.pkg] = true
		for _, i := range f.ast.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if ours, ok := strings.CutPrefix(name, "heddle/"); ok && !slices.Contains(arrows[f.pkg], ours) {
				t.Errorf("%s imports %s; the graph in this file has no such arrow", f.path, ours)
			}
		}
	}
	for pkg := range arrows {
		if !seen[pkg] {
			t.Errorf("the graph in this file has %s, which does not exist", pkg)
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	documented := map[string]bool{}
	var packages []string
	for _, f := range files(t) {
		if f.test && !(f.pkg == "test/layout") {
			continue
		}
		if !slices.Contains(packages, f.pkg) {
			packages = append(packages, f.pkg)
		}
		if f.ast.Doc != nil && len(f.ast.Doc.Text()) > 40 {
			documented[f.pkg] = true
		}
	}
	for _, pkg := range packages {
		if !documented[pkg] {
			t.Errorf("package %s has no doc comment", pkg)
		}
	}
}

// clocks are what reads a clock or waits for one, by the package that has it.
var clocks = map[string][]string{
	"time":    {"Now", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Since", "Until"},
	"context": {"WithTimeout", "WithTimeoutCause", "WithDeadline", "WithDeadlineCause"},
	"syscall": {"Gettimeofday", "Time"},

	"golang.org/x/sys/unix": {"ClockGettime", "ClockNanosleep", "Gettimeofday", "Time", "Sysinfo"},
}

// readsClock gives what a file uses of clocks, called or as a value, under whatever
// name it imports their packages.
func readsClock(f *ast.File) (uses []string) {
	forbidden := map[string][]string{} // by the name in the file
	for _, i := range f.Imports {
		pkg, _ := strconv.Unquote(i.Path.Value)
		if clocks[pkg] == nil {
			continue
		}
		name := path.Base(pkg)
		if i.Name != nil {
			name = i.Name.Name
		}
		if name == "." {
			uses = append(uses, "a dot import of "+pkg)
		}
		forbidden[name] = clocks[pkg]
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := ast.Unparen(s.X).(*ast.Ident); ok && slices.Contains(forbidden[x.Name], s.Sel.Name) {
				uses = append(uses, x.Name+"."+s.Sel.Name)
			}
		}
		return true
	})
	return uses
}

func TestOnlyTheServerReadsAClock(t *testing.T) {
	for _, f := range files(t) {
		// Package flow is a client, with the time of the process it is in; its rules have none.
		pure := strings.HasPrefix(f.pkg, "internal/") || strings.HasPrefix(f.pkg, "flow/internal/replay")
		if f.test || !pure || f.pkg == "internal/server" || strings.HasSuffix(f.pkg, "test") {
			continue
		}
		for _, use := range readsClock(f.ast) {
			t.Errorf("%s uses %s; time is handed in by the server, as a function of the package's Config", f.path, use)
		}
	}
}

func TestReadsClock(t *testing.T) {
	for source, want := range map[string]string{
		"import \"time\"; var x = time.Now()":                                            "time.Now",
		"import \"time\"; var x = time.Now":                                              "time.Now",
		"import t \"time\"; func f() { t.Sleep(1) }":                                     "t.Sleep",
		"import . \"time\"; var x = Now()":                                               "a dot import of time",
		"import \"context\"; func f() { context.WithDeadlineCause(nil, x, nil) }":        "context.WithDeadlineCause",
		"import c \"context\"; var within = (c).WithTimeout":                             "c.WithTimeout",
		"import \"context\"; func f() { context.WithCancel(nil) }":                       "",
		"import \"golang.org/x/sys/unix\"; var x = unix.ClockGettime":                    "unix.ClockGettime",
		"import \"heddle/time\"; func f(s s) { s.time.Now(); time.Unix(1, 2); x.Now() }": "",
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x; "+source, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(readsClock(f), ", "); got != want {
			t.Errorf("%s: found %q, want %q", source, got, want)
		}
	}
}

func TestKernelKnowsNoService(t *testing.T) {
	for _, f := range files(t) {
		if f.test || !slices.ContainsFunc(kernel, func(k string) bool { return f.pkg == k || strings.HasPrefix(f.pkg, k+"/") }) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			for _, word := range []string{"swf", "workflow", "domain", "activity", "decision"} {
				if strings.Contains(strings.ToLower(id.Name), word) {
					t.Errorf("%s has the name %s; the kernel knows no service", f.path, id.Name)
				}
			}
			return true
		})
	}
}

// swfWords are words of SWF's API, in small letters. What others say too is not here:
// decision and task list.
var swfWords = regexp.MustCompile(`swf|workflow|domain|decider|decision ?task|activity ?(task|type|id)|pollfor`)

// speaksSWF are the declarations outside of internal/swf that have words of SWF, and
// how many. None may be added, and what is gone must go from here. In the end there
// stay IAM's managed policies, the one line of the server that names the service, and
// how cmd/heddle shows examples.
var speaksSWF = map[string]int{
	"cmd/heddle newParserOf":        2,
	"cmd/heddle banner":             5,
	"internal/iam/account managed":  27,
	"internal/iam/account swfReads": 6,
	"internal/server Services":      1,
	"internal/server imports":       1,
}

// forOperators are the packages that tell people of executions, and so in the words that
// those have.
var forOperators = []string{"internal/console/", "internal/diagnose/", "internal/operator/"}

func TestOnlySWFSpeaksSWF(t *testing.T) {
	found := map[string]int{}
	for _, f := range files(t) {
		if f.test || strings.HasPrefix(f.pkg+"/", "internal/swf/") || strings.HasPrefix(f.pkg+"/", "internal/sfn/") || servesTests(f.pkg) {
			continue // Step Functions has activities of its own
		}
		if slices.ContainsFunc(forOperators, func(p string) bool { return strings.HasPrefix(f.pkg+"/", p) }) {
			continue
		}
		for _, d := range f.ast.Decls {
			for place, n := range swfIn(d) {
				found[f.pkg+" "+place] += n
			}
		}
	}
	for place, n := range found {
		if n > speaksSWF[place] {
			t.Errorf("%q: %d words of SWF, want %d; they belong into internal/swf", place, n, speaksSWF[place])
		}
	}
	for place, n := range speaksSWF {
		if found[place] < n {
			t.Errorf("%q: %d words of SWF are left of %d; say so in this file's list", place, found[place], n)
		}
	}
}

// servesTests tells whether nothing but tests imports a package.
func servesTests(pkg string) bool {
	switch pkg {
	case "test/linear", "test/machines", "test/mutants", "test/sim", "test/golden", "test/layout":
		return true
	}
	return strings.HasSuffix(pkg, "test") || !strings.HasPrefix(pkg, "internal/") && !strings.HasPrefix(pkg, "cmd/")
}

// swfIn counts the names, literals and imports with words of SWF in a declaration, by
// the name of what is declared.
func swfIn(d ast.Decl) map[string]int {
	found := map[string]int{}
	count := func(place string, n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			text := ""
			switch n := n.(type) {
			case *ast.Ident:
				text = n.Name
			case *ast.BasicLit:
				if n.Kind == token.STRING {
					text = n.Value
				}
			}
			if words := swfWords.FindAllString(strings.ToLower(text), -1); words != nil {
				found[place] += len(words)
			}
			return true
		})
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Recv != nil {
			name = strings.TrimPrefix(types.ExprString(d.Recv.List[0].Type), "*") + "." + name
		}
		count(name, d)
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.ImportSpec:
				count("imports", spec)
			case *ast.TypeSpec:
				count(spec.Name.Name, spec)
			case *ast.ValueSpec:
				count(spec.Names[0].Name, spec)
			}
		}
	}
	return found
}

// TestOnlyOnePlaceMakesARNs: the partition of a name follows its region, so nobody may write
// one by hand, nor take a partition for granted.
func TestOnlyOnePlaceMakesARNs(t *testing.T) {
	for _, f := range files(t) {
		if f.test || f.pkg == "internal/aws/arn" || !strings.HasPrefix(f.pkg, "internal/") && !strings.HasPrefix(f.pkg, "cmd/") || servesTests(f.pkg) {
			continue
		}
		for _, flaw := range madeARNs(f.ast) {
			t.Errorf("%s has %s; make names by internal/aws/arn", f.path, flaw)
		}
	}
}

// madeARNs are the places where a file writes a partition or makes a name.
func madeARNs(f *ast.File) (flaws []string) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field:
			return n.Tag == nil
		case *ast.BasicLit:
			if strings.Contains(n.Value, "arn:aws") {
				flaws = append(flaws, n.Value)
			}
		case *ast.CompositeLit:
			if made, ok := n.Type.(*ast.SelectorExpr); ok && made.Sel.Name == "ARN" && types.ExprString(made.X) == "arn" && len(n.Elts) > 0 {
				flaws = append(flaws, "arn.ARN{…}")
			}
		}
		return true
	})
	return flaws
}

func TestMadeARNs(t *testing.T) {
	for body, want := range map[string]int{
		`var a = "arn:aws:iam::" + account`:                          1,
		`var a = "arn:aws-cn:iam::1:root"`:                           1,
		`var a = arn.ARN{Partition: "aws", Service: "swf"}.String()`: 1,
		`func f() arn.ARN { return arn.ARN{} }`:                      0,
		`var a = arn.Of("swf", region, account, "/domain/d")`:        0,
		`var a = strings.HasPrefix(s, "arn:")`:                       0,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "a.go", "package a\n"+body, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := madeARNs(file); len(got) != want {
			t.Errorf("%s: %q, want %d", body, got, want)
		}
	}
}
