package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Managed is two PostgreSQL that pg_auto_failover looks after: when the one that takes writes dies, it
// promotes the other one, for which commits have waited.
type Managed struct {
	base          *Server // for its programs, its folder and its user
	monitor, dead *managed
	nodes         []*managed
}

// managed is a process of pg_autoctl with its PostgreSQL.
type managed struct {
	name string
	port int
	cmd  *exec.Cmd
}

// ErrNoManager: there is no pg_auto_failover, and none can be installed.
var ErrNoManager = errors.New("pg_auto_failover is not installed")

// managedWithin is how long nothing may change until the one follows the other.
const managedWithin = 3 * time.Minute

// managerPackages are Debian's.
func managerPackages(bin string) []string {
	return []string{"postgresql-" + filepath.Base(filepath.Dir(bin)) + "-auto-failover", "pg-auto-failover-cli"}
}

func findManager(bin string) error {
	if _, err := exec.LookPath("pg_autoctl"); err == nil {
		return nil
	}
	packages := managerPackages(bin)
	if os.Getuid() != 0 {
		return fmt.Errorf("%w, and only root can install it: apt-get install %s", ErrNoManager, strings.Join(packages, " "))
	}
	install := exec.Command("apt-get", append([]string{"install", "-y", "--no-install-recommends"}, packages...)...)
	install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	out, err := install.CombinedOutput()
	if _, found := exec.LookPath("pg_autoctl"); found != nil {
		return fmt.Errorf("%w, nor did apt-get install it: %w: %s", ErrNoManager, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// StartManaged starts a monitor and two servers, the second of which follows the first; with a
// database "heddle" of the user "heddle". Errors: ErrAbsent, ErrNoManager.
func StartManaged(o Options) (_ *Managed, err error) {
	bin, err := find()
	if err != nil {
		return nil, err
	}
	if err := findManager(bin); err != nil {
		return nil, err
	}
	m := &Managed{base: &Server{bin: bin, attributes: &syscall.SysProcAttr{}}}
	if m.base.folder, err = os.MkdirTemp(o.Folder, "managed-"); err != nil {
		return nil, err
	}
	if err := m.base.own(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			m.Remove()
		}
	}()
	if m.monitor, err = m.begin("monitor", "create", "monitor"); err != nil {
		return nil, err
	}
	owner, err := user.Current()
	if c := m.base.attributes.Credential; err == nil && c != nil {
		owner, err = user.LookupId(strconv.Itoa(int(c.Uid)))
	}
	if err != nil {
		return nil, err
	}
	settings := ""
	for name, value := range map[string]string{
		"health_check_period": "1s", "health_check_retry_delay": "1s", "health_check_timeout": "1s", "startup_grace_period": "1s",
		"node_considered_unhealthy_timeout": "5s", "primary_demote_timeout": "5s",
	} {
		settings += "alter system set pgautofailover." + name + " = '" + value + "';\n"
	}
	for sql := range strings.Lines(settings + "select pg_reload_conf()") {
		sets := func() bool { _, err = m.on(m.monitor.port, owner.Username, "pg_auto_failover", sql); return err == nil }
		if late := m.until("the monitor", sets); late != nil {
			return nil, errors.Join(late, err)
		}
	}
	for _, name := range []string{"one", "two"} {
		node, err := m.begin(name, "create", "postgres", "--name", name, "--username", role, "--dbname", role,
			"--monitor", fmt.Sprintf("postgres://autoctl_node@127.0.0.1:%d/pg_auto_failover?sslmode=disable", m.monitor.port))
		if err != nil {
			return nil, err
		}
		m.nodes = append(m.nodes, node)
		if err := m.until("server "+name, func() bool {
			n, err := m.ask("select count(*) from pgautofailover.node where reportedstate <> 'init'")
			return err == nil && n == strconv.Itoa(len(m.nodes))
		}); err != nil {
			return nil, err
		}
	}
	return m, m.Settled()
}

// Settled waits until the one server follows the other, and commits wait for it.
func (m *Managed) Settled() error {
	return m.until("the standby", func() bool {
		for _, node := range m.nodes { // so that a copy need not wait for the next one
			_, _ = m.on(node.port, role, role, "checkpoint")
		}
		n, err := m.ask("select count(*) from pgautofailover.node where reportedstate in ('primary', 'secondary') and goalstate = reportedstate")
		return err == nil && n == "2"
	})
}

// begin runs pg_autoctl, which makes its server first if it is new.
func (m *Managed) begin(name string, args ...string) (*managed, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	node := &managed{name: name, port: port}
	args = append(args, "--pgctl", filepath.Join(m.base.bin, "pg_ctl"), "--pgport", strconv.Itoa(port), "--hostname", "127.0.0.1", "--auth", "trust", "--no-ssl", "--run")
	return node, m.run(node, args...)
}

func (m *Managed) run(node *managed, args ...string) error {
	node.cmd = exec.Command("pg_autoctl", append(args, "--pgdata", filepath.Join(m.base.folder, node.name))...)
	node.cmd.Dir = m.base.folder
	attributes := *m.base.attributes
	attributes.Setpgid = true // so that all of it can be ended at once
	node.cmd.SysProcAttr = &attributes
	for _, of := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "TMPDIR"} {
		node.cmd.Env = append(node.cmd.Env, of+"="+m.base.folder)
	}
	node.cmd.Env = append(node.cmd.Env, "PATH="+m.base.bin+":"+os.Getenv("PATH"), "LC_ALL=C")
	log, err := os.OpenFile(filepath.Join(m.base.folder, node.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	node.cmd.Stdout, node.cmd.Stderr = log, log
	if err := node.cmd.Start(); err != nil {
		return fmt.Errorf("start pg_autoctl: %w", err)
	}
	go node.cmd.Wait()
	return nil
}

// until waits for something as long as there is news: on a busy machine each step takes long, and there are many. Who waits
// in vain is told when nothing has changed for a time.
func (m *Managed) until(what string, is func() bool) error {
	seen, end, last := "", time.Now().Add(managedWithin), time.Now().Add(5*managedWithin)
	for ; !is(); time.Sleep(200 * time.Millisecond) {
		if now := m.news(); now != seen {
			seen, end = now, time.Now().Add(managedWithin)
		}
		if time.Now().After(end) || time.Now().After(last) {
			return fmt.Errorf("%s is not there after %v, or nothing has changed for %v; the monitor says %q, and the logs are in %s", what, 5*managedWithin, managedWithin, seen, m.base.folder)
		}
	}
	return nil
}

// news changes as long as somebody does something: the monitor's view of the two, and how much they have written.
func (m *Managed) news() string {
	text, _ := m.ask("select coalesce(string_agg(nodeid || ' ' || reportedstate || ' ' || goalstate || ' ' || reportedlsn, ', ' order by nodeid), '') from pgautofailover.node")
	for _, node := range m.nodes {
		if info, err := os.Stat(filepath.Join(m.base.folder, node.name+".log")); err == nil {
			text += fmt.Sprint(" ", info.Size())
		}
	}
	return text
}

// ask asks the monitor.
func (m *Managed) ask(sql string) (string, error) {
	return m.on(m.monitor.port, "autoctl_node", "pg_auto_failover", sql)
}

func (m *Managed) on(port int, user, database, sql string) (string, error) {
	out, err := m.base.command("psql", "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-U", user, "-d", database, "-v", "ON_ERROR_STOP=1", "-qAtc", sql).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("psql: %w: %s", err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// Ports are where the two listen.
func (m *Managed) Ports() (all []int) {
	for _, node := range m.nodes {
		all = append(all, node.port)
	}
	return all
}

// KillPrimary ends the server that takes writes, and who looks after it, as when its machine dies.
func (m *Managed) KillPrimary() error {
	port, err := m.ask("select nodeport from pgautofailover.node where reportedstate = 'primary'")
	if err != nil {
		return err
	}
	for _, node := range m.nodes {
		if strconv.Itoa(node.port) == port {
			m.dead = node
			return m.end(node)
		}
	}
	return fmt.Errorf("no server takes writes, says the monitor: %q", port)
}

// Promoted waits until the other one takes writes.
func (m *Managed) Promoted() error {
	return m.until("another primary", func() bool {
		for _, node := range m.nodes {
			if node != m.dead {
				if in, err := m.on(node.port, role, role, "select pg_is_in_recovery() or current_setting('default_transaction_read_only')::bool"); err == nil && in == "f" {
					return true
				}
			}
		}
		return false
	})
}

// Return has the server that was killed begin again, as one that follows.
func (m *Managed) Return() error {
	if err := m.run(m.dead, "run"); err != nil {
		return err
	}
	return m.Settled()
}

// end kills a server and who looks after it.
func (m *Managed) end(node *managed) error {
	err := syscall.Kill(-node.cmd.Process.Pid, syscall.SIGKILL)
	if text, read := os.ReadFile(filepath.Join(m.base.folder, node.name, "postmaster.pid")); read == nil {
		first, _, _ := strings.Cut(string(text), "\n")
		if pid, convert := strconv.Atoi(first); convert == nil && pid > 1 {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have a group of its own
		}
	}
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// Remove ends all, and removes what they had.
func (m *Managed) Remove() {
	for _, node := range append(m.nodes, m.monitor) {
		if node != nil && node.cmd != nil && node.cmd.Process != nil {
			_ = m.end(node)
		}
	}
	_ = os.RemoveAll(m.base.folder)
}
