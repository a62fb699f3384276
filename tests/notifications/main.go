// Reads a ConfigMap and a Secret of notifications and some Applications, and says what Argo CD's own engine makes of
// them: which triggers send, what each template becomes, and what reaches a webhook and Slack. Only the variables are
// made here as Argo CD makes them (util/notification/settings in its source).
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sort"
	"strings"

	"github.com/argoproj/notifications-engine/pkg/api"
	"github.com/argoproj/notifications-engine/pkg/services"
	"github.com/argoproj/notifications-engine/pkg/subscriptions"
	"github.com/argoproj/notifications-engine/pkg/templates"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// What the address of the webhook's service begins with; a server here takes its place.
const hooks = "https://hooks.example.com"

type input struct {
	ConfigMap    corev1.ConfigMap
	Secret       corev1.Secret
	Applications map[string]map[string]any
}

type trigger struct {
	Sends   bool   `json:"sends"`
	OncePer string `json:"oncePer"`
}

type request struct {
	Method  string      `json:"method"`
	Path    string      `json:"path"`
	Headers http.Header `json:"headers"`
	Body    string      `json:"body,omitempty"`
	Form    url.Values  `json:"form,omitempty"`
}

type told struct {
	Triggers map[string]trigger                `json:"triggers"`
	Messages map[string]*services.Notification `json:"messages"`
	// What goes where, as `trigger service:recipient`.
	Destinations []string  `json:"destinations"`
	Requests     []request `json:"requests"`
}

func main() {
	var given input
	must(json.NewDecoder(os.Stdin).Decode(&given))
	var received []request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := request{Method: r.Method, Path: r.URL.Path, Headers: r.Header}
		if strings.HasPrefix(r.URL.Path, "/slack/") {
			must(r.ParseForm())
			got.Form = r.Form
			fmt.Fprint(w, `{"ok": true, "channel": "C1", "ts": "1"}`)
		} else {
			body, err := io.ReadAll(r.Body)
			must(err)
			got.Body = string(body)
		}
		received = append(received, got)
	}))
	defer server.Close()
	for key, value := range given.ConfigMap.Data {
		value = strings.ReplaceAll(value, hooks, server.URL)
		if key == "service.slack" {
			value += "apiURL: " + server.URL + "/slack/\n"
		}
		given.ConfigMap.Data[key] = value
	}

	config, err := api.ParseConfig(&given.ConfigMap, &given.Secret)
	must(err)
	context := map[string]string{}
	must(yaml.Unmarshal([]byte(given.ConfigMap.Data["context"]), &context))
	vars := func(app map[string]any, to services.Destination) map[string]any {
		return map[string]any{"app": app, "context": context, "secrets": given.Secret.Data}
	}
	engine, err := api.NewAPI(*config, vars)
	must(err)
	compiled, err := templates.NewService(config.Templates)
	must(err)

	answer := map[string]told{}
	for name, app := range given.Applications {
		received = nil
		says := told{Triggers: map[string]trigger{}, Messages: map[string]*services.Notification{}}
		for template := range config.Templates {
			says.Messages[template], err = compiled.FormatNotification(vars(app, services.Destination{}), template)
			must(err)
		}
		object := unstructured.Unstructured{Object: app}
		to := config.GetGlobalDestinations(object.GetLabels())
		own := subscriptions.NewAnnotations(object.GetAnnotations())
		to.Merge(own.GetDestinations(config.DefaultTriggers, config.ServiceDefaultTriggers))
		for name := range config.Triggers {
			results, err := engine.RunTrigger(name, app)
			must(err)
			for _, result := range results {
				says.Triggers[name] = trigger{Sends: result.Triggered, OncePer: result.OncePer}
				for _, destination := range to[name] {
					says.Destinations = append(says.Destinations,
						name+" "+destination.Service+":"+destination.Recipient)
					// PagerDuty and mail servers are somewhere else.
					local := destination.Service == "slack" || destination.Service == "hook"
					if result.Triggered && local {
						must(engine.Send(app, result.Templates, destination))
					}
				}
			}
		}
		sort.Strings(says.Destinations)
		says.Requests = received
		answer[name] = says
	}
	must(json.NewEncoder(os.Stdout).Encode(answer))
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
