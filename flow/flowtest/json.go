package flowtest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/swf/types"
)

var epoch = time.Unix(0, 0)

var timeType = reflect.TypeFor[time.Time]()

// marshal writes an event as the AWS CLI prints it: members in camel case, times in ISO 8601.
func marshal(e *types.HistoryEvent) ([]byte, error) { return json.Marshal(plain(reflect.ValueOf(e))) }

// plain turns the SDK's structs to what JSON has; what is empty is left out.
func plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		if v.Type().Elem() == timeType {
			return v.Interface().(*time.Time).UTC().Format(time.RFC3339Nano)
		}
		return plain(v.Elem())
	case reflect.Struct:
		m := map[string]any{}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !v.Field(i).IsZero() {
				m[strings.ToLower(f.Name[:1])+f.Name[1:]] = plain(v.Field(i))
			}
		}
		return m
	case reflect.Slice:
		all := make([]any, v.Len())
		for i := range all {
			all[i] = plain(v.Index(i))
		}
		return all
	}
	return v.Interface()
}

// unmarshal reads an event; its times are seconds since 1970 or ISO 8601.
func unmarshal(raw json.RawMessage) (e types.HistoryEvent, err error) {
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		return e, err
	}
	if err := timesOf(m); err != nil {
		return e, err
	}
	b, err := json.Marshal(m)
	if err != nil {
		return e, err
	}
	return e, json.Unmarshal(b, &e) // names fit but for the case of their letters
}

// timesOf writes the event's time as encoding/json reads it.
func timesOf(m map[string]any) error {
	switch at := m["eventTimestamp"].(type) {
	case float64:
		m["eventTimestamp"] = time.UnixMilli(int64(at * 1e3)).UTC().Format(time.RFC3339Nano) // as the SDK reads it
	case string:
		if _, err := time.Parse(time.RFC3339Nano, at); err != nil {
			return fmt.Errorf("its time: %w", err)
		}
	}
	return nil
}
