package admin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// journalsCollector tells how far the copies of gateways' journals are.
type journalsCollector struct {
	journals *gatewayJournals
	now      func() time.Time
}

// Describe describes nothing beforehand: gateways come and go.
func (c *journalsCollector) Describe(chan<- *prometheus.Desc) {}

func (c *journalsCollector) Collect(out chan<- prometheus.Metric) {
	for _, gateway := range c.journals.reporting() {
		s := c.journals.status(gateway, c.now())
		if s == nil {
			continue
		}
		tell := func(name, help string, value float64) {
			out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, []string{"gateway"}, nil), prometheus.GaugeValue, value, gateway)
		}
		tell("sallyport_gateway_journal_records", "Records of the gateway's journal that are copied here.", float64(s.Records))
		tell("sallyport_gateway_journal_behind_records", "Records that the gateway has and that are not copied here yet.", float64(s.Behind))
		tell("sallyport_gateway_journal_lag_seconds", "Age of the oldest record that is not copied here yet.", s.LagSeconds)
		diverged := 0.0
		if s.Diverged != "" {
			diverged = 1
		}
		tell("sallyport_gateway_journal_diverged", "1 when the gateway's journal is not what it was: look at once.", diverged)
	}
}

// reporting names the gateways that have told how far they are since this process began.
func (j *gatewayJournals) reporting() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var names []string
	for name := range j.states {
		names = append(names, name)
	}
	return names
}
