package pgstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"

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

	mu     sync.Mutex // guards the fields below
	config *pgconn.Config
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
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectWithin
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
	return &dialer{options: o, config: config, statements: statementsOf(o.Schema)}, nil
}

// where names the database to people.
func (d *dialer) where() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return fmt.Sprintf("database %q at %s", d.config.Database, net.JoinHostPort(d.config.Host, strconv.Itoa(int(d.config.Port))))
}

// connect makes a connection, to the last host that was good before the others.
func (d *dialer) connect(ctx context.Context, prepared bool) (*conn, error) {
	d.mu.Lock()
	config := d.config.Copy()
	d.mu.Unlock()
	raw, err := pgconn.ConnectConfig(context.WithValue(ctx, ownDial{}, true), config)
	if err != nil {
		return nil, err
	}
	c := &conn{PgConn: raw}
	raw.CustomData()["conn"] = c
	d.remember(raw)
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

// remember puts the host of a connection before the others.
func (d *dialer) remember(c *pgconn.PgConn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, err := net.ResolveTCPAddr("tcp", c.Conn().RemoteAddr().String())
	if err != nil || len(d.config.Fallbacks) == 0 {
		return
	}
	for i, f := range d.config.Fallbacks {
		if int(f.Port) == at.Port && f.Host != d.config.Host && sameHost(f.Host, at.IP) {
			first := &pgconn.FallbackConfig{Host: d.config.Host, Port: d.config.Port, TLSConfig: d.config.TLSConfig}
			d.config.Host, d.config.Port, d.config.TLSConfig = f.Host, f.Port, f.TLSConfig
			d.config.Fallbacks[i] = first
			return
		}
	}
}

// sameHost tells whether a host of the DSN is an address; names are left as they stand.
func sameHost(host string, ip net.IP) bool { return net.ParseIP(host).Equal(ip) }

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

	mu         sync.Mutex // guards the fields below
	resting    []*conn
	generation int // of the connections that may rest
	closed     bool
}

func newPool(d *dialer, most int) *pool {
	return &pool{dial: d, prepared: true, places: make(chan struct{}, most)}
}

// get gives a connection; fresh: one that was made just now, as the last one had
// been found broken. While the database can't be reached it tries until the
// context ends.
func (p *pool) get(ctx context.Context, fresh bool) (*conn, error) {
	select {
	case p.places <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var reason error // of the last attempt that was not cut off
	for {
		p.mu.Lock()
		generation := p.generation
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
		c, err := p.dial.connect(ctx, p.prepared)
		if err == nil {
			c.generation = generation
			return c, nil
		}
		if ctx.Err() == nil || reason == nil {
			reason = err
		}
		if ctx.Err() == nil && worthAnother(err) {
			pause, cancel := p.dial.options.Within(ctx, retryPause)
			<-pause.Done()
			cancel()
		}
		if ctx.Err() != nil || !worthAnother(err) {
			<-p.places
			return nil, fmt.Errorf("connect: %w", reason)
		}
	}
}

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
	p.renew()
}
