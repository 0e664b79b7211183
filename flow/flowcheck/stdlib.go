package flowcheck

import (
	"go/types"
	"strings"
)

// group is things of the standard library that are wrong for one reason.
type group struct {
	what, remedy string
	// things are PACKAGE.NAME or PACKAGE.TYPE.METHOD; PACKAGE.* is all that can be called or changes in a package but what except names.
	things, except string
}

var groups = []group{
	{"reads the clock", "use flow.Now",
		"time.Now time.Since time.Until context.WithTimeout context.WithDeadline context.WithTimeoutCause context.WithDeadlineCause", ""},
	{"waits by the machine's clock", "use flow.Sleep or flow.After",
		"time.Sleep time.After time.AfterFunc time.Tick time.NewTimer time.NewTicker time.Timer.Reset time.Timer.Stop time.Ticker.Reset time.Ticker.Stop", ""},
	{"goes by the machine's time zone", "use UTC, or give the zone in the input",
		"time.Local time.Time.Local time.LoadLocation", ""},
	{"throws dice", "use flow.Rand, or flow.UUID",
		"math/rand.* math/rand/v2.* crypto/rand.* hash/maphash.*",
		"math/rand.New math/rand.NewSource math/rand.NewZipf math/rand.Rand math/rand.Source math/rand.Zipf math/rand.Source64 math/rand/v2.New math/rand/v2.NewPCG math/rand/v2.NewChaCha8 math/rand/v2.NewZipf math/rand/v2.Rand math/rand/v2.Source math/rand/v2.PCG math/rand/v2.ChaCha8 math/rand/v2.Zipf"},
	{"asks the machine", "give it in the input, read it by flow.Effect, or ask in an activity",
		"os.* os/user.* runtime.* runtime/debug.*",
		"os.IsNotExist os.IsExist os.IsPermission os.IsTimeout os.ErrNotExist os.ErrExist os.ErrPermission os.ErrClosed os.ErrDeadlineExceeded os.ErrInvalid os.FileMode os.PathError os.SyscallError os.Expand " +
			"runtime.KeepAlive runtime.Caller runtime.Callers runtime.CallersFrames runtime.FuncForPC runtime.Stack runtime.Frames runtime.Func runtime.Error runtime.TypeAssertionError runtime/debug.Stack runtime/debug.PrintStack"},
	{"does I/O", "do it in an activity",
		"os/exec.* os/signal.* net.* net/http.* net/http/httputil.* net/rpc.* net/rpc/jsonrpc.* net/smtp.* net/textproto.* crypto/tls.* database/sql.* io/ioutil.* syscall.* plugin.* " +
			"path/filepath.Glob path/filepath.Walk path/filepath.WalkDir path/filepath.Abs path/filepath.EvalSymlinks fmt.Scan fmt.Scanln fmt.Scanf html/template.ParseFiles html/template.ParseGlob text/template.ParseFiles text/template.ParseGlob",
		"io/ioutil.Discard io/ioutil.NopCloser net.ParseIP net.ParseCIDR net.ParseMAC net.JoinHostPort net.SplitHostPort net.IPv4 net.IPv4Mask net.CIDRMask net.IP net.IPNet net.IPMask net.HardwareAddr net.ErrClosed " +
			"net/http.StatusText net/http.CanonicalHeaderKey net/http.DetectContentType net/http.Header net/textproto.CanonicalMIMEHeaderKey net/textproto.MIMEHeader database/sql.ErrNoRows database/sql.Named syscall.Errno"},
	{"prints in every replay", "use flow.Log",
		"fmt.Print fmt.Println fmt.Printf log.* log/slog.Debug log/slog.Info log/slog.Warn log/slog.Error log/slog.Log log/slog.LogAttrs log/slog.DebugContext log/slog.InfoContext log/slog.WarnContext log/slog.ErrorContext log/slog.Default",
		"log.New log.Logger log.Prefix log.Flags"},
	{"starts a goroutine", "use flow.Go, or do it in an activity",
		"context.AfterFunc sync.WaitGroup.Go", ""},
	{"waits for other goroutines", "use flow.Await and flow.Group: it blocks the worker",
		"sync.WaitGroup.Wait sync.Cond.Wait reflect.Select reflect.Value.Recv reflect.Value.Send", ""},
	{"goes by the order of a map", "sort the keys first",
		"reflect.Value.MapKeys reflect.Value.MapRange reflect.Value.Seq2 sync.Map.Range sync.Map.All", ""},
}

// changesReceiver are methods that change what they are called on.
var changesReceiver = map[string]bool{}

var byThing, excepted = map[string]*group{}, map[string]bool{}

func init() {
	for i := range groups {
		for _, t := range strings.Fields(groups[i].things) {
			byThing[t] = &groups[i]
		}
		for _, t := range strings.Fields(groups[i].except) {
			excepted[t] = true
		}
	}
	for _, t := range []string{"Int32", "Int64", "Uint32", "Uint64", "Uintptr", "Bool", "Value", "Pointer"} {
		for _, m := range []string{"Add", "Store", "Swap", "CompareAndSwap", "And", "Or"} {
			changesReceiver["(*sync/atomic."+t+")."+m] = true
			changesReceiver["(*sync/atomic."+t+"[T])."+m] = true
		}
	}
	for _, m := range []string{"Store", "Delete", "LoadOrStore", "LoadAndDelete", "Swap", "Clear", "CompareAndSwap"} {
		changesReceiver["(*sync.Map)."+m] = true
	}
}

// judgeStandard says what the list says of a function, method or variable.
func judgeStandard(o types.Object) *impure {
	path := o.Pkg().Path()
	full, owner := path+"."+o.Name(), path+"."+o.Name()
	if fn, ok := o.(*types.Func); ok && fn.Signature().Recv() != nil {
		t := fn.Signature().Recv().Type()
		if p, ok := t.(*types.Pointer); ok {
			t = p.Elem()
		}
		named, ok := types.Unalias(t).(*types.Named)
		if !ok {
			return nil
		}
		owner = path + "." + named.Obj().Name()
		full = owner + "." + o.Name()
	}
	g := byThing[full]
	if g == nil && !excepted[owner] {
		g = byThing[path+".*"]
	}
	if g == nil {
		return nil
	}
	return &impure{g.what, []string{o.Pkg().Name() + strings.TrimPrefix(full, path)}, g.remedy}
}
