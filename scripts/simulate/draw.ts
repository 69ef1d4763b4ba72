// The picture of a burst under each rule, as SVG that can be read on light and on dark pages.
import { init, use } from 'echarts/core'
import { BarChart } from 'echarts/charts'
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components'
import { SVGRenderer } from 'echarts/renderers'
import { rules, worlds } from './jobs-tables.ts'
import { jobsAtOnce } from './scenarios.ts'
import { mean } from './table.ts'
import { minute } from './setting.ts'

/** Neither black nor white: legible on both. */
const ink = '#7d8590'
const text = { color: ink, fontFamily: 'sans-serif' }

export function burst(): string {
  use([BarChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer])
  const told = rules.map((rule) => {
    const all = worlds(jobsAtOnce, rule)
    const loads = mean(all.map(({ ollama }) => ollama.loads))
    return { name: rule.name.replaceAll('*', ''), loads, minutes: mean(all.map(({ end }) => end)) / minute }
  })
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 760, height: 360 })
  const label = {
    show: true,
    position: 'right',
    ...text,
    formatter: ({ value }: { value: number }) => value.toFixed(1),
  } as const
  const axis = { type: 'value', axisLabel: text, splitLine: { lineStyle: { color: ink, opacity: 0.25 } } } as const
  chart.setOption({
    backgroundColor: 'transparent',
    animation: false,
    title: {
      text: 'A hundred jobs over four models at once',
      left: 'center',
      textStyle: { ...text, fontSize: 15, fontWeight: 'normal' },
    },
    legend: { bottom: 0, textStyle: text },
    grid: { left: 210, right: 60, top: 40, bottom: 50 },
    xAxis: axis,
    yAxis: {
      type: 'category',
      inverse: true,
      data: told.map(({ name }) => name),
      axisLabel: text,
      axisLine: { lineStyle: { color: ink } },
    },
    series: [
      { name: 'loads', type: 'bar', data: told.map(({ loads }) => loads), itemStyle: { color: '#d9822b' }, label },
      {
        name: 'minutes until all are done',
        type: 'bar',
        data: told.map(({ minutes }) => minutes),
        itemStyle: { color: '#2f81f7' },
        label,
      },
    ],
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return `${svg}\n`
}
