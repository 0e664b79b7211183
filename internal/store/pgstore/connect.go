package pgstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// versionMin is the oldest PostgreSQL, as it numbers its versions.
const versionMin = 150000

// session is what every connection sets. Plans are made once and never depend on
// statistics. Nothing may cut a statement off but the loss of its connection: a
// commit that is cancelled while it waits for a standby is shown.
const session = `set application_name = 'heddle';
set synchronous_commit = on;
set default_transaction_isolation = 'read committed';
set plan_cache_mode = force_generic_plan;
set enable_hashjoin = off; set enable_mergejoin = off; set enable_bitmapscan = off; set enable_seqscan = off; set jit = off;
set lock_timeout = '1s';
set statement_timeout = 0;
set idle_in_transaction_session_timeout = 0;
set idle_session_timeout = 0;
set client_connection_check_interval = 0`

// session17 is what is new in PostgreSQL 17.
const session17 = `; set transaction_timeout = 0`

// ownDial marks the contexts of our connects.
type ownDial struct{}

var errNoCancel = errors.New("no request to cancel is sent")

// dialer makes connections.
type dialer struct {
	options    *Options
	statements []statement
	first      func(context.Context, *conn) error // what a connection does before it is used
	hosts      []*pgconn.Config                   // one for each of the DSN's
	within     time.Duration                      // what the DSN says of how long an attempt may take; 0: nothing

	mu   sync.Mutex // guards the fields below
	good int        // the host that was good last
	late int        // how often more time is given than at first
}

// conn is a connection with its session set and its statements prepared.
type conn struct {
	*pgconn.PgConn
	warning    string // the last warning
	generation int    // of its pool
}

func newDialer(o *Options) (*dialer, error) {
	if o.DSN == "" {
		return nil, errors.New("no database is named; give --postgres, such as postgres://heddle@db.example.com/heddle")
	}
	if o.Schema == "" {
		o.Schema = schemaDefault
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	config, err := pgconn.ParseConfig(o.DSN)
	if err != nil {
		// Its text has the DSN with the password taken out, as far as pgx has found it.
		return nil, errors.New("the DSN can't be read; want such as postgres://heddle@db.example.com/heddle, or host=db.example.com user=heddle dbname=heddle")
	}
	var plain net.Dialer
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if ctx.Value(ownDial{}) == nil {
			return nil, errNoCancel
		}
		return plain.DialContext(ctx, network, address)
	}
	config.ValidateConnect = func(ctx context.Context, c *pgconn.PgConn) error {
		if err := pgconn.ValidateConnectTargetSessionAttrsReadWrite(ctx, c); err != nil {
			return fmt.Errorf("it takes no writes, as a standby does: %w", err)
		}
		return nil
	}
	config.OnNotice = func(c *pgconn.PgConn, notice *pgconn.Notice) {
		if own, ok := c.CustomData()["conn"].(*conn); ok && notice.Severity == "WARNING" {
			own.warning = notice.Message
		}
	}
	return &dialer{options: o, hosts: hostsOf(config), within: config.ConnectTimeout, statements: statementsOf(o.Schema)}, nil
}

// hostsOf takes the hosts of a DSN apart. What leads to one of them, with TLS and without, stays together.
func hostsOf(config *pgconn.Config) (all []*pgconn.Config) {
	ways := append([]*pgconn.FallbackConfig{{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig}}, config.Fallbacks...)
	for len(ways) > 0 {
		n := 1
		for n < len(ways) && ways[n].Host == ways[0].Host && ways[n].Port == ways[0].Port {
			n++
		}
		one := config.Copy()
		one.Host, one.Port, one.TLSConfig, one.Fallbacks = ways[0].Host, ways[0].Port, ways[0].TLSConfig, ways[1:n]
		all, ways = append(all, one), ways[n:]
	}
	return all
}

// where names the database to people, at the host that was good last.
func (d *dialer) where() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := d.hosts[d.good]
	return fmt.Sprintf("database %q at %s", at.Database, net.JoinHostPort(at.Host, strconv.Itoa(int(at.Port))))
}

// attempt gives the host to begin with, and how long one may take to answer: a machine with much else to do needs more
// than the first attempt gives, whose time is short since it may be for a host that will not answer.
func (d *dialer) attempt() (first int, within time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.within != 0 {
		return d.good, d.within
	}
	return d.good, connectWithin << d.late
}

// ended takes in how attempts at all hosts went.
func (d *dialer) ended(good int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil:
		d.good, d.late = good, max(0, d.late-1)
	case pgconn.Timeout(err) || errors.Is(err, context.DeadlineExceeded):
		d.late = min(connectLateMax, d.late+1)
	}
}

// connect makes a connection: to the host that was good last or, when that has not answered for a moment, to whichever is
// good first. So one that accepts and says nothing, as a paused primary does, costs that moment.
func (d *dialer) connect(ctx context.Context, prepared bool) (*conn, error) {
	first, within := d.attempt()
	trying, stop := context.WithCancel(ctx)
	defer stop()
	type outcome struct {
		host int
		c    *conn
		err  error
	}
	outcomes, begun := make(chan outcome, len(d.hosts)), 1
	try := func(host int) {
		go func() {
			c, err := d.connectTo(trying, d.hosts[host], within, prepared)
			outcomes <- outcome{host, c, err}
		}()
	}
	try(first)
	alone, cancel := d.options.Within(ctx, headStart)
	defer cancel()
	waits := alone.Done()
	errs := make([]error, len(d.hosts))
	for failed := 0; failed < len(d.hosts); {
		select {
		case o := <-outcomes:
			if o.err == nil {
				d.ended(o.host, nil)
				stop()
				for range begun - failed - 1 {
					go func() { // they end now
						if late := <-outcomes; late.err == nil {
							closeConn(d, late.c)
						}
					}()
				}
				return o.c, nil
			}
			errs[o.host] = o.err
			failed++
		case <-waits:
		}
		if waits = nil; begun == 1 {
			for host := range d.hosts {
				if host != first {
					try(host)
				}
			}
			begun = len(d.hosts)
		}
	}
	err := errors.Join(errs...)
	d.ended(first, err)
	return nil, err
}

// connectTo makes a connection to a host.
func (d *dialer) connectTo(ctx context.Context, host *pgconn.Config, within time.Duration, prepared bool) (*conn, error) {
	config := host.Copy()
	config.ConnectTimeout = within // to each of its addresses
	raw, err := pgconn.ConnectConfig(context.WithValue(ctx, ownDial{}, true), config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := d.options.Within(ctx, within)
	defer cancel()
	c := &conn{PgConn: raw}
	raw.CustomData()["conn"] = c
	set := session
	if version(raw) >= 170000 {
		set += session17
	}
	if version(raw) >= versionMin { // else whoever opens the store says so
		err = c.run(ctx, set)
	}
	if err == nil && prepared {
		err = c.prepare(ctx, d.statements)
	}
	if err == nil && d.first != nil {
		err = d.first(ctx, c)
	}
	if err != nil {
		_ = raw.Close(ctx)
		return nil, err
	}
	return c, nil
}

// version is the server's, as 150004 for 15.4; 0: it does not say.
func version(c *pgconn.PgConn) int {
	major, minor := 0, 0
	_, _ = fmt.Sscanf(c.ParameterStatus("server_version"), "%d.%d", &major, &minor)
	return major*10000 + minor
}

// run runs statements without parameters.
func (c *conn) run(ctx context.Context, sql string) error {
	return c.Exec(ctx, sql).Close()
}

// prepare prepares all statements, in one round trip.
func (c *conn) prepare(ctx context.Context, all []statement) error {
	p := c.StartPipeline(ctx)
	for _, one := range all {
		p.SendPrepare(one.name, one.sql, nil)
	}
	if err := p.Sync(); err != nil {
		return errors.Join(err, p.Close())
	}
	return p.Close()
}

// row is a result of one row, as text; nil: there is none.
func (c *conn) row(ctx context.Context, sql string, values ...string) ([]string, error) {
	params := make([][]byte, len(values))
	for i, v := range values {
		params[i] = []byte(v)
	}
	r := c.ExecParams(ctx, sql, params, nil, nil, nil).Read()
	if r.Err != nil || len(r.Rows) == 0 {
		return nil, r.Err
	}
	texts := make([]string, len(r.Rows[0]))
	for i, v := range r.Rows[0] {
		texts[i] = string(v)
	}
	return texts, nil
}

// pool is the connections of one purpose.
type pool struct {
	dial     *dialer
	prepared bool
	places   chan struct{}
	life     context.Context // of connections that are being made
	end      context.CancelFunc

	mu         sync.Mutex // guards the fields below
	resting    []*conn
	generation int // of the connections that may rest
	closed     bool
}

func newPool(d *dialer, most int) *pool {
	p := &pool{dial: d, prepared: true, places: make(chan struct{}, most)}
	p.life, p.end = context.WithCancel(context.Background())
	return p
}

// get gives a connection; fresh: one that was made just now, as the last one had
// been found broken. While the database can't be reached it tries until the
// context ends. A connection that is being made then is for who comes next: on a machine with much else to do,
// one may take longer than any of those who want it have patience.
func (p *pool) get(ctx context.Context, fresh bool) (*conn, error) {
	select {
	case p.places <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	reason := errNoAnswer // or that of the last attempt
	for {
		p.mu.Lock()
		if last := len(p.resting) - 1; last >= 0 && !fresh {
			c := p.resting[last]
			p.resting = p.resting[:last]
			p.mu.Unlock()
			if c.IsClosed() {
				continue
			}
			return c, nil
		}
		p.mu.Unlock()
		made := make(chan attempt)
		go p.open(ctx, made)
		select {
		case is := <-made:
			if is.err == nil {
				return is.conn, nil
			}
			reason = is.err
		case <-ctx.Done(): // the place is that of whoever makes it
			return nil, fmt.Errorf("connect: %w: %w", reason, ctx.Err())
		}
		if worthAnother(reason) {
			pause, cancel := p.dial.options.Within(ctx, retryPause)
			<-pause.Done()
			cancel()
		}
		if ctx.Err() != nil || !worthAnother(reason) {
			<-p.places
			return nil, fmt.Errorf("connect: %w", reason)
		}
	}
}

// attempt is what came of making a connection.
type attempt struct {
	conn *conn
	err  error
}

// open makes a connection for one who waits, or lets it rest when he does no longer.
func (p *pool) open(ctx context.Context, made chan<- attempt) {
	c, err := p.dial.connect(p.life, p.prepared)
	if err == nil {
		p.mu.Lock()
		c.generation = p.generation // it leads somewhere now
		p.mu.Unlock()
	}
	select {
	case made <- attempt{c, err}:
		return
	case <-ctx.Done():
	}
	if err != nil {
		<-p.places
		return
	}
	p.put(c)
}

// errNoAnswer: nothing is known but that none came.
var errNoAnswer = errors.New("no server has answered yet")

// worthAnother tells whether a connection that could not be made might be soon: no
// server answered, or one that starts or stops, or is full.
func worthAnother(err error) bool {
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return !errors.Is(err, errUnfit)
	}
	switch said.Code {
	case "57P01", "57P02", "57P03", "53300", "25006":
		return true
	}
	return false
}

// errUnfit: another attempt would find the same.
var errUnfit = errors.New("unfit")

// put gives a connection back, which rests if it is whole.
func (p *pool) put(c *conn) {
	p.mu.Lock()
	rest := !c.IsClosed() && !c.IsBusy() && c.TxStatus() == 'I' && c.generation == p.generation && !p.closed && len(p.resting) < restingMax
	if rest {
		p.resting = append(p.resting, c)
	}
	p.mu.Unlock()
	if !rest {
		closeConn(p.dial, c)
	}
	<-p.places
}

// closeConn says goodbye, if the other side listens.
func closeConn(d *dialer, c *conn) {
	ctx, cancel := d.options.Within(context.Background(), retryPause)
	defer cancel()
	_ = c.Close(ctx)
}

// renew has all connections made anew: those that exist may lead nowhere.
func (p *pool) renew() {
	p.mu.Lock()
	resting := p.resting
	p.resting = nil
	p.generation++
	p.mu.Unlock()
	for _, c := range resting {
		closeConn(p.dial, c)
	}
}

func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.end()
	p.renew()
}
