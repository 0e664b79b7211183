package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// apart runs a shell's script that sees another file system and another network, and ends all
// that it began. It skips the test where the kernel does not let us.
func apart(t *testing.T, script string, arguments ...string) string {
	t.Helper()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("only root of Linux may mount file systems of its own")
	}
	if said, err := exec.Command("unshare", "--mount", "--net", "--pid", "--fork", "true").CombinedOutput(); err != nil {
		t.Skipf("no namespaces of our own can be made here: %v %s", err, said)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "unshare", append([]string{"--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-euxc", "ip link set lo up\n" + script, "sh"}, arguments...)...)
	c.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out, said strings.Builder
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, out.String(), said.String())
	}
	return out.String()
}

// work is where binaries of tests are built.
var work string

func TestMain(m *testing.M) {
	code := func() int {
		dir, err := os.MkdirTemp("", "heddle-release")
		if err != nil {
			panic(err)
		}
		work = dir
		defer os.RemoveAll(dir)
		return m.Run()
	}()
	os.Exit(code)
}

// compiled builds the binary for this machine, as it is built for other tests, so that nothing is compiled twice.
var compiled = sync.OnceValues(func() (*release, error) {
	r := &release{version: "0.1.0", root: "..", made: time.Unix(1_700_000_000, 0).UTC(), work: work}
	_, err := output(context.Background(), "..", []string{"CGO_ENABLED=0"}, "go", "build", "-o", r.built(here), "./cmd/heddle")
	return r, err
})

var here = target{runtime.GOOS, runtime.GOARCH}

// builtHere is a release whose binary for this machine has been built.
func builtHere(t *testing.T) *release {
	t.Helper()
	r, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	own := *r
	own.out = t.TempDir()
	return &own
}

//go:embed testdata/package.sh
var packageScript string

// TestPackage: the Debian package is installed, its unit's command serves as an unprivileged user, and a purge leaves nothing.
func TestPackage(t *testing.T) {
	r := builtHere(t)
	papers, err := r.papers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(r.built(here))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.write("heddle.deb", func(w io.Writer) error {
		return r.debian(w, here, append([]file{{"heddle", 0o755, binary}}, papers...))
	}); err != nil {
		t.Fatal(err)
	}
	if left := apart(t, packageScript, filepath.Join(r.out, "heddle.deb")); left != "" {
		t.Errorf("the purge leaves\n%s", left)
	}
}

//go:embed testdata/image.sh
var imageScript string

// TestImage: what the container description says makes an image that serves and finds itself healthy: with nothing beside the binary, as its user.
func TestImage(t *testing.T) {
	r := builtHere(t)
	text, err := os.ReadFile("../deploy/container/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if word, rest, found := strings.Cut(strings.TrimSpace(line), " "); found && word == strings.ToUpper(word) && word != "#" {
			said[word] = rest
		}
	}
	list := func(text string) []string {
		var words []string
		if err := json.Unmarshal([]byte(text), &words); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return words
	}
	if said["FROM"] != "scratch" || said["COPY"] != "heddle /heddle" {
		t.Fatalf("it is made of other things: %v", said)
	}
	_, check, _ := strings.Cut(said["HEALTHCHECK"], "CMD ")
	apart(t, imageScript, r.built(here), said["USER"], said["VOLUME"], said["ENV"],
		strings.Join(append(list(said["ENTRYPOINT"]), list(said["CMD"])...), " "), strings.Join(list(check), " "))
}
