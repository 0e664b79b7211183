// Package options reads what struct fields say of themselves as settings: each is
// declared once, with the package that uses it, by tags of its field.
//
//	name        of its flag; without it there is none, and it goes by its field's name
//	default     what zero means; without it zero is left, for others to fill
//	min, max    bounds of a number or a duration: both, or none
//	enum        the values that there are, with commas
//	oneof       the same, of a flag that the command line leaves to Fill to check
//	secret      the variable of a setting that must be on no command line
//	env, help, placeholder, group, type   for the command line and the documents
//	embed       the field is a struct whose fields are settings too; prefix and
//	            envprefix are put before their names
//
// A field without a name, a default and embed is no setting. The command line reads the
// same tags (package kong), so a setting has one default, wherever it comes from; its
// own kong:"-" keeps it from fields that are no flags.
package options

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// option is a setting.
type option struct {
	name        string // as users write it: of a flag with its dashes
	fallback    string
	least, most string
	enum        []string
	value       reflect.Value
}

// collect appends the settings of a struct, in the order of its fields.
func collect(all []option, v reflect.Value, prefix string) []option {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		tag := f.Tag
		if _, embedded := tag.Lookup("embed"); embedded {
			all = collect(all, v.Field(i), prefix+tag.Get("prefix"))
			continue
		}
		o := option{
			name: prefix + f.Name, fallback: tag.Get("default"),
			least: tag.Get("min"), most: tag.Get("max"), value: v.Field(i),
		}
		if name := tag.Get("name"); name != "" {
			o.name = "--" + prefix + name
		} else if o.fallback == "" {
			continue
		}
		if enum := tag.Get("enum") + tag.Get("oneof"); enum != "" {
			o.enum = strings.Split(enum, ",")
		}
		all = append(all, o)
	}
	return all
}

// ReadSecrets gives the settings of a struct that are secrets what their variables
// hold. Options is a pointer to it.
func ReadSecrets(options any, getenv func(string) string) {
	if options != nil {
		readSecrets(reflect.ValueOf(options).Elem(), "", getenv)
	}
}

func readSecrets(v reflect.Value, prefix string, getenv func(string) string) {
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		if name := tag.Get("secret"); name != "" {
			v.Field(i).SetString(getenv(prefix + name))
		}
		if _, embedded := tag.Lookup("embed"); embedded {
			readSecrets(v.Field(i), prefix+tag.Get("envprefix"), getenv)
		}
	}
}

// SecretNames are the variables of the settings of a struct that are secrets. Options is a
// pointer to it.
func SecretNames(options any) (names []string) {
	if options == nil {
		return nil
	}
	var collect func(t reflect.Type, prefix string)
	collect = func(t reflect.Type, prefix string) {
		for i := range t.NumField() {
			tag := t.Field(i).Tag
			if name := tag.Get("secret"); name != "" {
				names = append(names, prefix+name)
			}
			if _, embedded := tag.Lookup("embed"); embedded {
				collect(t.Field(i).Type, prefix+tag.Get("envprefix"))
			}
		}
	}
	collect(reflect.TypeOf(options).Elem(), "")
	return names
}

// Fill gives the settings of a struct that are zero their defaults, and refuses what is
// outside their bounds. Options is a pointer to it.
func Fill(options any) error {
	var errs []error
	for _, o := range collect(nil, reflect.ValueOf(options).Elem(), "") {
		errs = append(errs, o.fill())
	}
	return errors.Join(errs...)
}

func (o *option) fill() error {
	if o.value.IsZero() {
		if o.fallback == "" {
			return nil
		}
		if err := set(o.value, o.fallback); err != nil {
			panic(fmt.Sprintf("options: default of %s: %v", o.name, err))
		}
	}
	switch {
	case o.enum != nil:
		if !slices.Contains(o.enum, o.value.String()) {
			return fmt.Errorf("%s %q: want %s", o.name, o.value.String(), strings.Join(o.enum, " or "))
		}
	case o.least != "":
		least, most := o.bound(o.least), o.bound(o.most)
		if n := o.value.Int(); n < least.Int() || n > most.Int() {
			return fmt.Errorf("%s %v: want %v to %v", o.name, o.value.Interface(), least.Interface(), most.Interface())
		}
	}
	return nil
}

// bound is a bound in the setting's own type.
func (o *option) bound(text string) reflect.Value {
	v := reflect.New(o.value.Type()).Elem()
	if err := set(v, text); err != nil {
		panic(fmt.Sprintf("options: bound of %s: %v", o.name, err))
	}
	return v
}

// set reads a text into a setting.
func set(v reflect.Value, text string) error {
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(text)
		v.SetInt(int64(d))
		return err
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		return nil
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		v.SetBool(b)
		return err
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(n)
		return err
	}
	return fmt.Errorf("no setting has the type %s", v.Type())
}

// Defaults gives the settings of a struct their defaults.
func Defaults[T any]() (t T) {
	if err := Fill(&t); err != nil {
		panic("options: " + err.Error())
	}
	return t
}
