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

// builtHere is a release with the binary for this machine, built as for tests, so that nothing is compiled twice.
func builtHere(t *testing.T) (*release, target) {
	t.Helper()
	here := target{runtime.GOOS, runtime.GOARCH}
	r := &release{version: "0.1.0", root: "..", made: time.Unix(1_700_000_000, 0).UTC(), work: t.TempDir(), out: t.TempDir()}
	binary, err := filepath.Abs(r.built(here))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := output(t.Context(), "..", []string{"CGO_ENABLED=0"}, "go", "build", "-o", binary, "./cmd/heddle"); err != nil {
		t.Fatal(err)
	}
	return r, here
}

//go:embed testdata/package.sh
var packageScript string

// TestPackage: the Debian package is installed, its unit's command serves as an unprivileged user, and a purge leaves nothing.
func TestPackage(t *testing.T) {
	r, here := builtHere(t)
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
	r, here := builtHere(t)
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
