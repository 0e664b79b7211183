// Command documents does what pages of documentation say, and compares what they
// say comes of it. It is given files in Markdown:
//
//	go run ./documents ../README.md ../docs/ACCESS.md ../docs/OPERATING.md ../docs/guide/*.md
//
// HEDDLE_BINARY is the built server. Every block that is to be done names its
// language:
//
//	sh serve        begins a part with a server of its own: what the block does
//	                before its last line is done in the part's folder, and the
//	                last line's flags of `heddle serve` are the server's
//	sh              is done by the part's shell, one block after the other
//	sh stopped      likewise, by a shell after the part's server has ended
//	… folder        of what only one server does that has its store in its folder: passed over
//	                where HEDDLE_BINARY is several (bench/nodes)
//	text            below such a block: each of its lines is among what the block
//	                said, in this order. Times, ids and tokens may be others
//	LANGUAGE FILE   is written to that file of the part's folder, before anything is done
//
// Such blocks may stand in a comment of Markdown, where only this command sees them. The folders that pages for
// operators speak of, /var/lib/heddle, /var/archive and /backup, lie in the part's folder.
//
// HEDDLE_SOURCE is the clone of this repository. All other blocks are for the eye. A page without a block `sh serve` has one
// server without flags. The address of its flag --listen, else 127.0.0.1:7930, is
// replaced by the server's own. The server must end well and without an error in its log.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"heddle/compat/heddle"
)

const partTime = 3 * time.Minute

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: documents FILE.md…")
		os.Exit(2)
	}
	binary, err := heddle.Binary()
	if err == nil {
		binary, err = filepath.Abs(binary)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "documents:", err)
		os.Exit(2)
	}
	failed := 0
	for _, file := range os.Args[1:] {
		page, err := os.ReadFile(file)
		if err != nil {
			fmt.Fprintln(os.Stderr, "documents:", err)
			os.Exit(2)
		}
		for _, p := range parts(string(page)) {
			began := time.Now()
			verdict := "ok"
			if err := p.do(binary); err != nil {
				verdict, failed = "FAIL", failed+1
				fmt.Printf("%s:%d: %v\n", file, p.line, err)
			}
			fmt.Printf("%-5s%s:%d, %d blocks, %.0f s\n", verdict, file, p.line, len(p.steps)+len(p.stopped), time.Since(began).Seconds())
		}
	}
	if failed > 0 {
		os.Exit(1)
	}
}

// do does what a part says, in a folder of its own.
func (p *part) do(binary string) (err error) {
	if heddle.Several() {
		ofFolder := func(s step) bool { return s.folder }
		p.steps, p.stopped = slices.DeleteFunc(p.steps, ofFolder), slices.DeleteFunc(p.stopped, ofFolder)
	}
	home, err := os.MkdirTemp("", "heddle-documents")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	data := filepath.Join(home, "heddle-data")
	bin := filepath.Join(home, "bin")
	if err := errors.Join(os.Mkdir(data, 0o700), os.Mkdir(bin, 0o700), os.Symlink(binary, filepath.Join(bin, "heddle"))); err != nil {
		return err
	}
	for _, f := range p.files {
		if err := os.WriteFile(filepath.Join(home, filepath.Base(f.name)), []byte(f.text), 0o600); err != nil {
			return err
		}
	}
	env := environment("PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"))
	named := folders(home, data)
	here := strings.NewReplacer(named...)
	if p.before != "" {
		if said, err := shell(home, here.Replace(p.before), env); err != nil {
			return fmt.Errorf("before the server: %w\n%s", err, said)
		}
	}
	flags, err := split(home, here.Replace(p.flags), env)
	if err != nil {
		return err
	}
	address := "127.0.0.1:7930"
	if i := slices.Index(flags, "--listen"); i >= 0 && i+1 < len(flags) {
		address = flags[i+1]
		flags = slices.Delete(flags, i, i+2)
	}
	server, err := heddle.StartIn(home, binary, data, append(flags, "--poll-hold", "2s")...)
	if err != nil {
		return err
	}
	ended := false
	end := func() {
		if ended {
			return
		}
		ended = true
		if stopped := server.Stop(); stopped != nil {
			err = errors.Join(err, fmt.Errorf("the server ended: %w", stopped))
		}
		if lines := server.Complaints(); len(lines) > 0 {
			err = errors.Join(err, fmt.Errorf("the server complains: %s", strings.Join(lines, "\n")))
		}
	}
	defer end()
	source, err := filepath.Abs("..") // the documents are read from the folder compat
	if err != nil {
		return err
	}
	env = append(env, "HEDDLE_SOURCE="+source, "AWS_ENDPOINT_URL="+server.URL, "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(data, "credentials"))
	here = strings.NewReplacer(append(named, address, server.Addr)...)
	if err = does(home, here, p.steps, env); err != nil || len(p.stopped) == 0 {
		return err
	}
	if end(); err != nil {
		return err
	}
	return does(home, here, p.stopped, env)
}

// does has a shell do blocks, and compares what each says with what it must say.
func does(home string, here *strings.Replacer, steps []step, env []string) error {
	said, err := shell(home, here.Replace(script(steps)), env)
	outputs := strings.Split(said, mark)
	for i, s := range steps {
		if i+1 >= len(outputs) {
			return errors.Join(err, fmt.Errorf("the block at line %d was not done; said before:\n%s", s.line, outputs[len(outputs)-1]))
		}
		if missing := lacks(outputs[i+1], s.says); missing != "" {
			err = errors.Join(err, fmt.Errorf("the block at line %d does not say %q, but:\n%s", s.line, missing, outputs[i+1]))
		}
	}
	if err != nil {
		return fmt.Errorf("%w\nsaid last:\n%s", err, outputs[len(outputs)-1])
	}
	return nil
}

// folders are those of an operator's machine, each with where it lies in a part's folder.
func folders(home, data string) []string {
	return []string{"/var/lib/heddle", data, "/var/archive", filepath.Join(home, "archive"), "/backup/", filepath.Join(home, "backup") + "/"}
}

// environment is this process's, without what points clients elsewhere.
func environment(more ...string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") && !strings.HasPrefix(v, "HEDDLE_") && !strings.HasPrefix(v, "PATH=") {
			env = append(env, v)
		}
	}
	return append(append(env, "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_CONFIG_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true"), more...)
}

// mark is what the shell says between two blocks.
const mark = "\n-- the next block --\n"

// script is all that a shell does.
func script(steps []step) string {
	var b strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&b, "printf '%s'\n%s\n", strings.ReplaceAll(mark, "\n", `\n`), s.script)
	}
	return b.String()
}

// shell does a script, and ends all that it began in the background.
func shell(home, script string, env []string) (said string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), partTime)
	defer cancel()
	var out bytes.Buffer
	c := exec.CommandContext(ctx, "sh", "-eu", "-c", script)
	c.Dir, c.Env, c.Stdout, c.Stderr = home, env, &out, &out
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = 100 * time.Millisecond
	if err := c.Start(); err != nil {
		return "", err
	}
	err = c.Wait()
	_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
	if errors.Is(err, exec.ErrWaitDelay) { // those in the background still hold the output
		err = nil
	}
	return out.String(), err
}

// split has the shell make words of flags.
func split(home, flags string, env []string) ([]string, error) {
	if flags == "" {
		return nil, nil
	}
	said, err := shell(home, `for word in `+flags+`; do printf '%s\n' "$word"; done`, env)
	if err != nil {
		return nil, fmt.Errorf("flags %q: %w\n%s", flags, err, said)
	}
	return strings.Split(strings.TrimSuffix(said, "\n"), "\n"), nil
}
