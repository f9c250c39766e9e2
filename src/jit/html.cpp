// The report as a page: one file, nothing fetched, drawn by the page from the JSON inside it.
#include "jit/model.h"

namespace neve::jit {
namespace {

constexpr const char* head = R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Neve report</title>
<style>
:root{--ink:#1b2733;--soft:#5b6b7b;--line:#dde4ea;--card:#fff;--back:#f4f7fa;--good:#1a7f4b;--bad:#b3261e;--accent:#2563a8;--base:#b8c4d0}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9fb0c0;--line:#2c3a48;--card:#17212b;--back:#0f161d;--good:#4cc38a;--bad:#ff8a80;--accent:#79b8ff;--base:#4a5a6a}}
*{box-sizing:border-box}body{margin:0;font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back)}
main{max-width:1080px;margin:0 auto;padding:28px 20px 80px}h1{font-size:26px;margin:0 0 4px}h2{font-size:18px;margin:0 0 12px}
.sub{color:var(--soft);margin:0 0 20px}.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px 20px;margin:16px 0;overflow-x:auto}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(180px,1fr));gap:12px;margin:16px 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px}.tile b{display:block;font-size:24px;font-weight:650}.tile span{color:var(--soft);font-size:13px}
table{border-collapse:collapse;width:100%;font-size:13.5px}th{text-align:left;color:var(--soft);font-weight:600;border-bottom:1px solid var(--line);padding:6px 10px 6px 0;white-space:nowrap}
td{border-bottom:1px solid var(--line);padding:6px 10px 6px 0;vertical-align:top}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;padding-right:24px;white-space:nowrap}
.good{color:var(--good)}.bad{color:var(--bad)}.soft{color:var(--soft)}code{font:12.5px ui-monospace,monospace}
.chain{display:flex;flex-wrap:wrap;gap:6px}.node{border:1px solid var(--line);border-left:4px solid var(--accent);border-radius:6px;padding:4px 8px;font-size:12.5px;max-width:260px;overflow:hidden;overflow-wrap:anywhere}
.node.loop{border-left-color:#7a4fc2}.node.reference{border-left-color:var(--bad)}.node.reorder{border-left-color:var(--base)}.node.control{border-left-color:#c27a1a}
.group{border:1px dashed var(--line);border-radius:8px;padding:4px 8px 8px}.group>small{color:var(--soft);display:block;margin-bottom:4px}
.node small{color:var(--soft);display:block;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.key{display:flex;gap:16px;font-size:13px;color:var(--soft);margin:0 0 10px;flex-wrap:wrap}
.key i{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:6px;vertical-align:-1px}svg text{fill:var(--soft);font-size:12px}
details summary{cursor:pointer;color:var(--accent)}</style></head><body><main id="page"></main>
<script type="application/json" id="data">)html";

constexpr const char* between = R"html(</script><script type="application/json" id="roofline">)html";

constexpr const char* tail = R"html(</script><script>
"use strict";
const r=JSON.parse(document.getElementById("data").textContent),page=document.getElementById("page");
const el=(tag,attrs,...kids)=>{const e=document.createElement(tag);for(const k in attrs||{})if(attrs[k]!=null)e.setAttribute(k,attrs[k]);for(const c of kids.flat())if(c!=null)e.append(c);return e};
const svg=(tag,attrs,text)=>{const e=document.createElementNS("http://www.w3.org/2000/svg",tag);for(const k in attrs)e.setAttribute(k,attrs[k]);if(text!=null)e.textContent=text;return e};
const card=(title,...kids)=>page.append(el("section",{class:"card"},el("h2",{},title),...kids));
const num=(v,d=3)=>v==null?"–":Math.abs(v)>=1e5||(v!==0&&Math.abs(v)<1e-3)?v.toExponential(2):(+v.toPrecision(d+1)).toString();
const ms=v=>v==null?"–":v>=100?v.toFixed(0)+" ms":v>=1?v.toFixed(2)+" ms":(v*1e3).toFixed(1)+" µs";
const mb=v=>v==null?"–":v>=1<<20?(v/1048576).toFixed(1)+" MB":(v/1024).toFixed(1)+" KB";
const shape=s=>Object.entries(s).map(([k,v])=>k+" "+(v.length?v.map(x=>x==null?"…":x).join("×"):"scalar")).join(", ");
const table=(heads,rows)=>el("table",{},el("thead",{},el("tr",{},heads.map(h=>el("th",{class:h.startsWith("#")?"n":null},h.replace("#",""))))),el("tbody",{},rows.map(cells=>el("tr",{},cells.map((c,i)=>el("td",{class:heads[i].startsWith("#")?"n":null},c))))));
const times=v=>v==null?"–":(v>=10?v.toFixed(0):v.toFixed(2))+"×";
const verdict=(ok,text)=>el("span",{class:ok?"good":"bad"},text);
page.append(el("h1",{},"Neve: "+(r.model.path||"model").split("/").pop()),el("p",{class:"sub"},r.model.format+" · "+r.hardware.cpu+" · "+r.hardware.isa+" · "+r.options.threads+" threads · Neve "+r.software.neve));
const elements=s=>Object.values(s).reduce((n,v)=>n*v.reduce((a,b)=>a*b,1),1);r.runs.sort((a,b)=>elements(a.sizes)-elements(b.sizes));
const best=r.runs.length?r.runs.map(x=>x.speedup).sort((a,b)=>a-b)[r.runs.length>>1]:null;
const tile=(b,s,c)=>el("div",{class:"tile"},el("b",{class:c||null},b),el("span",{},s));
page.append(el("div",{class:"tiles"},
 tile(best?times(best):"–","as fast as the same model unfused (median over shapes)"),
 tile(r.accuracy.verdict,"accuracy, "+r.accuracy.outputs.length+(r.accuracy.outputs.length===1?" check of an output":" checks of outputs"),r.accuracy.verdict==="pass"?"good":"bad"),
 tile((100*r.partition.share_compiled).toFixed(0)+" %","of "+r.partition.instructions+" instructions compiled"),
 tile(mb(r.memory.packed_weight_bytes),"packed weights"),
 tile(r.build.seconds.total!=null?r.build.seconds.total.toFixed(1)+" s":"–","to build; "+r.build.tactics_timed+" tactics timed, "+r.build.tactics_cached+" from the cache")));
for(const w of r.warnings)page.append(el("div",{class:"card bad"},w));
// Bars below their sizes; a tail far beyond the medians does not set the scale.
if(r.runs.length){const W=Math.max(300,Math.min(1000,innerWidth-82)),H=60*r.runs.length,s=svg("svg",{viewBox:`0 0 ${W} ${H}`,width:"100%",role:"img","aria-label":"time per shape"});const top=Math.min(Math.max(...r.runs.map(x=>Math.max(x.p90_ms,x.baseline_p90_ms))),2*Math.max(...r.runs.map(x=>Math.max(x.p50_ms,x.baseline_p50_ms))))||1,X=v=>Math.min(v/top,1)*(W-90);
 r.runs.forEach((x,i)=>{const y=i*60;s.append(svg("text",{x:0,y:y+13},shape(x.sizes)));
 [[x.p50_ms,x.p90_ms,"var(--accent)",19],[x.baseline_p50_ms,x.baseline_p90_ms,"var(--base)",36]].forEach(([m,p,c,d])=>{s.append(svg("rect",{x:0,y:y+d,width:Math.max(1,X(m)),height:14,rx:3,style:"fill:"+c}));s.append(svg("line",{x1:X(m),x2:X(p),y1:y+d+7,y2:y+d+7,style:"stroke:var(--soft);stroke-width:1.5"}));s.append(svg("text",{x:X(p)+6,y:y+d+12},ms(m)))})});
 card("Time per shape",el("div",{class:"key"},el("span",{},el("i",{style:"background:var(--accent)"}),"engine, median (line: 90th percentile)"),el("span",{},el("i",{style:"background:var(--base)"}),"unfused, same kernels and threads")),s,
 table(["sizes","#runs","#p50","#p90","#p99","#unfused p50","#speed-up"],r.runs.map(x=>[shape(x.sizes),x.n,ms(x.p50_ms),ms(x.p90_ms),ms(x.p99_ms),ms(x.baseline_p50_ms),times(x.speedup)])))}
// How near the machine's limits each instruction is: work a byte against rate, both logarithmic.
const bw=(m,b)=>(m.levels.find(l=>l.bytes===0||b<=l.bytes)||m.levels[m.levels.length-1]).gb_per_s;
const roofline=f=>{const m=f.machine,nodes=f.nodes.filter(n=>n.ms>0),W=Math.max(320,Math.min(1000,innerWidth-82)),H=Math.max(300,Math.min(420,W*.5)),L=58,R=14,T=16,B=40;
 const dots=nodes.filter(n=>n.flops>0&&n.bytes>0).map(n=>({n,x:n.flops/n.bytes,y:n.flops/n.ms/1e6}));
 const lo=a=>Math.floor(Math.log10(Math.min(...a))),hi=a=>Math.ceil(Math.log10(Math.max(...a)));
 const x0=lo([.1,...dots.map(d=>d.x)]),x1=hi([100,...dots.map(d=>d.x)]),y1=hi([m.gflops,...dots.map(d=>d.y)]),y0=Math.max(y1-5,Math.min(y1-2,lo(dots.length?dots.map(d=>d.y):[1])));
 const X=v=>L+(Math.log10(v)-x0)/(x1-x0)*(W-L-R),Y=v=>T+(y1-Math.log10(v))/(y1-y0)*(H-T-B),s=svg("svg",{viewBox:`0 0 ${W} ${H}`,width:"100%",role:"img","aria-label":"roofline"});
 const power=k=>k>=0&&k<4?String(10**k):k<0&&k>-3?(10**k).toFixed(-k):"1e"+k;
 for(let k=x0;k<=x1;k++){s.append(svg("line",{x1:X(10**k),x2:X(10**k),y1:T,y2:H-B,style:"stroke:var(--line)"}));s.append(svg("text",{x:X(10**k),y:H-B+16,"text-anchor":"middle"},power(k)))}
 for(let k=y0;k<=y1;k++){s.append(svg("line",{x1:L,x2:W-R,y1:Y(10**k),y2:Y(10**k),style:"stroke:var(--line)"}));s.append(svg("text",{x:L-8,y:Y(10**k)+4,"text-anchor":"end"},power(k)))}
 s.append(svg("text",{x:(L+W-R)/2,y:H-4,"text-anchor":"middle"},"operations a byte moved"));s.append(svg("text",{x:14,y:T+(H-T-B)/2,"text-anchor":"middle",transform:`rotate(-90 14 ${T+(H-T-B)/2})`},"GFLOP/s"));
 const floor=10**y0,left=10**x0;
 m.levels.forEach((l,i)=>{const start=Math.max(left,floor/l.gb_per_s),knee=Math.min(m.gflops/l.gb_per_s,10**x1),last=i===m.levels.length-1;if(start>=knee)return;
  s.append(svg("line",{x1:X(start),y1:Y(start*l.gb_per_s),x2:X(knee),y2:Y(knee*l.gb_per_s),style:"stroke:var(--soft);stroke-width:"+(last?2:1.2)+(last?"":";stroke-dasharray:5 4")}));
  const at=start*(knee/start)**(.12+.16*(m.levels.length-1-i)),angle=-Math.atan2(Y(start*l.gb_per_s)-Y(knee*l.gb_per_s),X(knee)-X(start))*180/Math.PI;
  s.append(svg("text",{transform:`translate(${X(at)} ${Y(at*l.gb_per_s)-6}) rotate(${angle})`},l.name+" "+l.gb_per_s.toFixed(0)+" GB/s"))});
 const last=m.levels[m.levels.length-1];
 s.append(svg("line",{x1:X(Math.min(10**x1,Math.max(left,m.gflops/m.levels[0].gb_per_s))),x2:W-R,y1:Y(m.gflops),y2:Y(m.gflops),style:"stroke:var(--soft);stroke-width:2"}));
 s.append(svg("text",{x:W-R,y:Y(m.gflops)-6,"text-anchor":"end"},m.gflops.toFixed(0)+" GFLOP/s, "+m.threads+(m.threads===1?" thread":" threads")));
 const colour=n=>n.kernel.startsWith("reference")?"var(--bad)":/^(loop|\d+ loop)/.test(n.kernel)?"#7a4fc2":"var(--accent)",words=n=>n.ops+(n.name?"\n"+n.name:"")+(n.location?"\n"+n.location:"")+"\n"+n.kernel+"\n"+ms(n.ms)+", at best "+ms(n.best_ms)+"\n"+num(n.flops/1e6)+" MFLOP, "+mb(n.bytes);
 dots.sort((a,b)=>b.n.ms-a.n.ms).forEach(d=>{const c=svg("circle",{cx:X(d.x),cy:Math.min(H-B,Y(Math.max(d.y,floor))),r:3+18*Math.sqrt(d.n.ms/f.ms),style:"fill:"+colour(d.n)+";fill-opacity:.35;stroke:"+colour(d.n)});c.append(svg("title",{},words(d.n)));s.append(c)});
 const share=n=>n.best_ms/n.ms,bar=v=>el("div",{style:"display:flex;gap:8px;align-items:center;justify-content:flex-end"},el("span",{},(100*v).toFixed(0)+" %"),el("span",{style:"width:80px;height:8px;border-radius:4px;background:var(--line);overflow:hidden;display:inline-block"},el("span",{style:"display:block;height:8px;background:var(--accent);width:"+Math.min(100,100*v)+"%"})));
 const bound=n=>!n.flops&&!n.bytes?"–":n.flops/m.gflops/1e6>=n.best_ms*.999?"arithmetic":"bytes",rows=list=>table(["ops","node","#time","#share","#at best","#of the limit","limit","#MFLOP","#bytes","#flop/byte"],list.map(n=>[el("span",{title:n.kernel},n.ops.replaceAll("+","+\u200b")),el("code",{title:n.location},n.name||"–"),ms(n.ms),(100*n.ms/f.ms).toFixed(1)+" %",n.exact?ms(n.best_ms):"≥ "+ms(n.best_ms),bar(share(n)),bound(n),num(n.flops/1e6,2),mb(n.bytes),n.flops?num(n.flops/n.bytes,2):"–"]));
 const sorted=[...nodes].sort((a,b)=>b.ms-a.ms);
 card("Roofline: "+ms(f.ms)+", at best "+ms(f.best_ms)+" on this machine",el("p",{class:"soft"},"At "+f.sizes+". Each circle is an instruction, its area the share of time; the lines are what was measured here: no kernel gets above them. Those that only move data have no place in the plot."),
 el("div",{class:"key"},[["var(--accent)","library and own kernels"],["#7a4fc2","compiled loop"],["var(--bad)","reference"]].map(([c,t])=>el("span",{},el("i",{style:"background:"+c}),t))),s,rows(sorted.slice(0,15)),
 sorted.length>15?el("details",{},el("summary",{},"the other "+(sorted.length-15)),rows(sorted.slice(15))):null)};
const f=JSON.parse(document.getElementById("roofline").textContent);if(f&&f.nodes.some(n=>n.ms>0))roofline(f);
card("Accuracy",r.accuracy.message?el("p",{class:"soft"},r.accuracy.message):null,el("p",{class:"soft"},"Against "+r.accuracy.baseline+". Largest difference of any element; allowed is "+num(r.options.tolerance.relative)+" of the largest value + "+num(r.options.tolerance.absolute)+"."),
 table(["output","checked with","sizes","#difference","#allowed","worst element","verdict"],r.accuracy.outputs.map(o=>[el("code",{},o.output),o.source,shape(o.sizes),num(o.value),num(o.threshold),o.worst_index<0||!o.value?"–":"["+o.worst_index+"] "+num(o.got)+" for "+num(o.expected),verdict(o.verdict==="pass",o.verdict)])));
const kind=k=>k.startsWith("onednn")?"library":k;
// Neighbours whose names share the first parts of their path (a layer, a block) stand in one box; a name without a path belongs to the box around it.
const place=n=>n.name.includes("/")?n.name.split("/").filter(Boolean).slice(0,-1).slice(0,2).join(" / "):null;
const grouped=nodes=>{const out=[];for(const n of nodes){const p=place(n),last=out[out.length-1];if(last&&(p===null||p===last.title))last.nodes.push(n);else out.push({title:p||"",nodes:[n]})}return out};
const chip=n=>el("div",{class:"node "+kind(n.kernel),title:n.name+"\n"+n.kernel+" "+n.description+(n.tactics.length?"\n"+n.tactics.map(t=>t.kernel+": "+ms(t.ms)).join("\n"):"")+(n.refusals.length?"\nnot: "+n.refusals.join("\nnot: "):"")},n.ops.replaceAll("+","+\u200b"),el("small",{},n.name||n.description));
const moved=r.partition.nodes.filter(n=>n.kernel==="reorder").length;
card("Graph: "+(r.partition.nodes.length-moved)+" instructions in order"+(moved?", "+moved+" changes of layout between them":""),el("div",{class:"key"},[["var(--accent)","library kernel"],["#7a4fc2","compiled loop"],["var(--base)","layout change"],["#c27a1a","control flow"],["var(--bad)","reference"]].map(([c,t])=>el("span",{},el("i",{style:"background:"+c}),t))),
 el("div",{class:"chain"},grouped(r.partition.nodes.slice(0,600)).flatMap(g=>g.title?el("div",{class:"group"},el("small",{},g.title),el("div",{class:"chain"},g.nodes.map(chip))):g.nodes.map(chip))));
card("Fallbacks",r.partition.fallbacks.length?table(["op","node","reason"],r.partition.fallbacks.map(f=>[f.op,el("code",{title:f.location},f.name||f.location),f.reason])):el("p",{class:"good"},"None: everything runs on compiled kernels."));
card("Optimisations",table(["pass","status","#changes","#build time","note"],r.optimizations.map(p=>[p.name,el("span",{class:p.status==="effective"?"good":p.status==="rejected"?"bad":"soft"},p.status),p.count,ms(p.build_ms),p.reason])));
card("Ranges",r.ranges.open?el("p",{class:"soft"},"No range was given: every size that the model allows is served."):null,r.ranges.widened.length?el("p",{},"Widened, though the file fixed it: "+r.ranges.widened.join(", ")):null,
 table(["min","max","tuned at"],r.ranges.ranges.map(x=>[shape(x.min),shape(x.max),x.opts.map(shape).join("; ")])),
 r.ranges.constraints.length?el("details",{},el("summary",{},r.ranges.constraints.length+" relations checked at every call"),el("ul",{},r.ranges.constraints.map(c=>el("li",{},el("code",{},c.relation)," ",c.reason)))):null);
card("Memory",table(["what","#bytes"],[["packed weights, shared by all sessions",mb(r.memory.packed_weight_bytes)],["weights in the model",mb(r.model.weight_bytes)],...(r.memory.planned||[]).map(a=>["planned bound of a session at "+shape(a.max),mb(a.arena_bytes)]),...r.memory.arenas.map(a=>["arena of a session for "+shape(a.sizes),mb(a.arena_bytes)])]));
card("Model",table(["","name","type"],[...r.model.inputs.map(p=>["input",el("code",{},p.name),p.dtype+" ["+p.shape.join(", ")+"]"]),...r.model.outputs.map(p=>["output",el("code",{},p.name),p.dtype+" ["+p.shape.join(", ")+"]"])]),el("p",{class:"soft"},"sha256 "+(r.model.sha256||"–")));
card("Build",table(["phase","#seconds"],Object.entries(r.build.seconds).map(([k,v])=>[k,v.toFixed(3)])));
</script></body></html>
)html";

// "</script" inside the data would end the element: JSON allows the slash to be escaped.
std::string inside_element(const std::string& json) {
  std::string data;
  data.reserve(json.size());
  for (size_t i = 0; i < json.size(); ++i) {
    if (json[i] == '<' && i + 1 < json.size() && (json[i + 1] == '/' || json[i + 1] == '!'))
      data += "\\u003c";
    else
      data += json[i];
  }
  return data;
}

}  // namespace

std::string report_html(const std::string& report, const std::string& roofline) {
  return std::string(head) + inside_element(report) + between + (roofline.empty() ? "null" : inside_element(roofline)) +
         tail;
}

}  // namespace neve::jit
