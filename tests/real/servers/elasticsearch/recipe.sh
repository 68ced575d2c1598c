# Elasticsearch, one node of the plain server without x-pack, from its jars. Its root path answers 405, and it has
# no `_data_stream` API: both live in modules that are not on Maven Central. Templates and `_bulk` are in the server.

elasticsearch_needs="java mvn curl unzip"

elasticsearch_install() {
    local module=$1/home/modules/transport-netty4 plugin jar
    mkdir -p "$1/core" "$1/home/config" "$1/home/plugins" "$module"
    maven_jars "$recipe/pom.xml" "$1/jars"
    plugin=("$1"/jars/transport-netty4-*.jar)
    # The descriptor names a Java module; we load everything from the class path.
    unzip -p "${plugin[0]}" META-INF/es-plugins/transport-netty4/plugin-descriptor.properties |
        sed '/^modulename/d' >"$module/plugin-descriptor.properties"
    for jar in "$1"/jars/*.jar; do
        case ${jar##*/} in
        netty-* | transport-netty4-*) mv "$jar" "$module" ;;
        *) mv "$jar" "$1/core" ;;
        esac
    done
}

elasticsearch_prepare() {
    local http
    http=$(free_port)
    serve java -Xms256m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Des.distribution.type=zip -cp "$1/core/*" \
        "$recipe/OneNode.java" "$1/home" "$PWD/data" "$http" "$(free_port)"
    ready_when "curl -sf 'http://127.0.0.1:$http/_cluster/health?wait_for_status=yellow&timeout=1s'"
    export GATECRIER_TEST_ELASTICSEARCH_URL=http://127.0.0.1:$http
}
