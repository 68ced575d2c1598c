# OpenSearch, one node without the security plugin, from its jars.

opensearch_needs="java mvn curl"

opensearch_install() { maven_jars "$recipe/pom.xml" "$1"; }

opensearch_prepare() {
    local http
    http=$(free_port)
    serve java -Xms256m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$1/*" \
        "$recipe/OneNode.java" "$PWD/data" "$http" "$(free_port)"
    ready_when "curl -sf 'http://127.0.0.1:$http/_cluster/health?wait_for_status=yellow&timeout=1s'"
    export GATECRIER_TEST_OPENSEARCH_URL=http://127.0.0.1:$http
}
