package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/dop251/goja"
)

// reference is jsonata-js in a JavaScript engine.
type reference struct {
	path string
	vm   *goja.Runtime
	call goja.Callable
}

// script evaluates an expression and says what came of it as a JSON text.
const script = `
function plain(key, v) {
	if (v === undefined && Array.isArray(this)) return null;
	if (typeof v === 'function' || v && (v._jsonata_lambda || v._jsonata_function)) return '<function>';
	return v;
}
function evaluateText(source, input, now) {
	const out = {};
	const fail = e => { out.done = out.failed = true; out.code = e && e.code; out.message = e && e.message; out.token = e && e.token; out.position = e && e.position; };
	try {
		const x = jsonata(source);
		x.evaluate(input === undefined ? undefined : JSON.parse(input)).then(
			v => { out.done = true; out.result = v === undefined ? undefined : JSON.stringify(v, plain); },
			fail);
	} catch (e) { fail(e); }
	return out;
}`

func newReference(path string) (*reference, error) {
	r := &reference{path: path}
	return r, r.start()
}

// start begins with a new engine; one that was interrupted is of no more use.
func (r *reference) start() error {
	text, err := os.ReadFile(r.path)
	if err != nil {
		return err
	}
	r.vm = goja.New()
	if _, err := r.vm.RunString("var module = {exports: {}}, exports = module.exports; function setTimeout() {}"); err != nil {
		return err
	}
	if _, err := r.vm.RunScript("jsonata.js", string(text)); err != nil {
		return err
	}
	if _, err := r.vm.RunString("var jsonata = typeof jsonata === 'function' ? jsonata : module.exports;" + script); err != nil {
		return err
	}
	call, is := goja.AssertFunction(r.vm.Get("evaluateText"))
	if !is {
		return fmt.Errorf("%s does not define jsonata", r.path)
	}
	r.call = call
	return nil
}

// outcome is what an evaluation gave: a JSON text, nothing (none), or an error.
type outcome struct {
	result   string
	none     bool
	failed   bool
	code     string
	message  string
	token    string
	position int
	hung     bool // the engine did not come to an end
}

// evaluate gives the outcome of an expression for an input, a JSON text.
func (r *reference) evaluate(source, input string) outcome {
	timer := time.AfterFunc(3*time.Second, func() { r.vm.Interrupt("too slow") })
	v, err := r.call(goja.Undefined(), r.vm.ToValue(source), r.vm.ToValue(input))
	timer.Stop()
	r.vm.ClearInterrupt()
	if err == nil {
		if o := v.ToObject(r.vm); o.Get("done") == nil {
			err = errors.New("it did not come to an end")
		}
	}
	if err != nil {
		if err := r.start(); err != nil {
			panic(err)
		}
		return outcome{hung: true}
	}
	o := v.ToObject(r.vm)
	get := func(name string) string {
		if v := o.Get(name); v != nil && !goja.IsUndefined(v) && !goja.IsNull(v) {
			return v.String()
		}
		return ""
	}
	out := outcome{failed: o.Get("failed") != nil, code: get("code"), message: get("message"), token: get("token"), position: -1}
	if p := o.Get("position"); p != nil && !goja.IsUndefined(p) {
		out.position = int(p.ToInteger())
	}
	if v := o.Get("result"); v != nil && !goja.IsUndefined(v) {
		out.result = v.String()
	} else {
		out.none = !out.failed
	}
	return out
}
